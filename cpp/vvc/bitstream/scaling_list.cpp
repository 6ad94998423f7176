#include "scaling_list.h"

#include <algorithm>

namespace idse::vvc {

ScalingLists::ScalingLists() {
    for (auto& entries : list) entries.fill(kFlatScalingFactor);
    dc.fill(kFlatScalingFactor);
}

int ScalingLists::id_of(Component component, int log2_side) {
    static constexpr int kFirst[7] = {0, 0, 2, 8, 14, 20, 26};  // luma; chroma has no 64
    return kFirst[log2_side] + int(component);
}

std::vector<std::uint8_t> ScalingLists::factors(Component component, int log2_w, int log2_h) const {
    const int id = id_of(component, std::max(log2_w, log2_h));
    const auto& entries = list[size_t(id)];
    const int log2_size = size(id) == 8 ? 3 : 2;
    const int w = 1 << log2_w, h = 1 << log2_h;
    std::vector<std::uint8_t> m(size_t(w) * h);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const int column = (x << log2_size) >> log2_w, row = (y << log2_size) >> log2_h;
            m[size_t(y * w + x)] = entries[size_t((row << log2_size) + column)];
        }
    if (id >= kFirstScalingListDc) m[0] = dc[size_t(id - kFirstScalingListDc)];
    return m;
}

}  // namespace idse::vvc
