#include "residual_contexts.h"

#include <vector>

namespace idse::vvc {

namespace {

// Up-right diagonal order of a w x h array (clause 6.5.2): each diagonal from its lower left end.
std::vector<std::array<int, 2>> up_right_diagonal(int w, int h) {
    std::vector<std::array<int, 2>> order;
    for (int d = 0; d < w + h - 1; d++)
        for (int x = 0; x < w; x++)
            if (d - x >= 0 && d - x < h) order.push_back({x, d - x});
    return order;
}

ScanOrder make_scan_order(int log2_w, int log2_h) {
    const int w = std::min(1 << log2_w, kMaxCodedTbSize);
    const int h = std::min(1 << log2_h, kMaxCodedTbSize);
    ScanOrder scan{};
    scan.log2_group_w = log2_w < 2 ? log2_w : log2_h < 2 ? 4 - log2_h : 2;
    scan.log2_group_h = 4 - scan.log2_group_w;
    scan.groups_w = w >> scan.log2_group_w;
    scan.count = w * h;
    scan.groups = scan.count / kGroupSize;
    const auto groups = up_right_diagonal(scan.groups_w, h >> scan.log2_group_h);
    const auto inside = up_right_diagonal(1 << scan.log2_group_w, 1 << scan.log2_group_h);
    size_t i = 0;
    for (size_t g = 0; g < groups.size(); g++) {
        scan.group_x[g] = std::uint8_t(groups[g][0]);
        scan.group_y[g] = std::uint8_t(groups[g][1]);
        for (const auto& p : inside) {
            const int x = (groups[g][0] << scan.log2_group_w) + p[0];
            const int y = (groups[g][1] << scan.log2_group_h) + p[1];
            scan.x[i] = std::uint8_t(x);
            scan.y[i] = std::uint8_t(y);
            scan.position[i] = std::uint16_t((y << log2_w) + x);
            scan.template_position[i] = std::uint16_t((y + 2) * (w + 2) + x + 2);
            i++;
        }
    }
    return scan;
}

constexpr int kSides = 7;  // log2 of a side, 0..6

std::vector<ScanOrder> make_all() {
    std::vector<ScanOrder> all(size_t(kSides * kSides));
    for (int log2_w = 1; log2_w < kSides; log2_w++)
        for (int log2_h = 1; log2_h < kSides; log2_h++)
            if (log2_w + log2_h >= 4) all[size_t(log2_w * kSides + log2_h)] = make_scan_order(log2_w, log2_h);
    return all;
}

}  // namespace

const ScanOrder& scan_order(int log2_w, int log2_h) {
    static const std::vector<ScanOrder> all = make_all();
    return all[size_t(log2_w * kSides + log2_h)];
}

}  // namespace idse::vvc
