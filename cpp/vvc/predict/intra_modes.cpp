#include "intra_modes.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>

#include "../block_math.h"

namespace idse::vvc {

namespace {

constexpr int kNumAngularModes = 65;  // 2..66
constexpr int kFirstAngular = 2;

// An angular mode beyond 2 or 66 by at most two steps, brought back on the circle of 64 directions
// (clause 8.4.2: 2 + ((m + 62) % 64) and the like).
int wrap_angular(int mode) {
    constexpr int period = kNumAngularModes - 1;
    return kFirstAngular + (mode - kFirstAngular + period) % period;
}

}  // namespace

MpmList make_mpm_list(int left, int above) {
    const int low = std::min(left, above);
    const int high = std::max(left, above);
    if (high < kFirstAngular) return {{kPlanar, kDc, kVertical, kHorizontal, kVertical - 4, kVertical + 4}};
    if (low == high || low < kFirstAngular)
        return {{kPlanar, high, wrap_angular(high - 1), wrap_angular(high + 1), wrap_angular(high - 2),
                 wrap_angular(high + 2)}};
    // Two different angular neighbours: what is added depends on how far apart they are on the circle.
    const int distance = high - low;
    std::array<int, 3> added{};
    if (distance == 1)
        added = {low - 1, high + 1, low - 2};
    else if (distance >= 62)
        added = {low + 1, high - 1, low + 2};
    else if (distance == 2)
        added = {low + 1, low - 1, high + 1};
    else
        added = {low - 1, low + 1, high - 1};
    return {{kPlanar, left, above, wrap_angular(added[0]), wrap_angular(added[1]), wrap_angular(added[2])}};
}

LumaModeCode code_of_luma_mode(int mode, const MpmList& mpm) {
    const auto found = std::find(mpm.modes.begin(), mpm.modes.end(), mode);
    if (found != mpm.modes.end()) return {int(found - mpm.modes.begin()), 0};
    // The remaining 61 modes are numbered in ascending order: each candidate below takes one number away.
    const auto below = std::count_if(mpm.modes.begin(), mpm.modes.end(), [mode](int m) { return m < mode; });
    return {-1, mode - int(below)};
}

std::array<int, 4> explicit_chroma_modes(int dm) {
    std::array<int, 4> modes = {kPlanar, kVertical, kHorizontal, kDc};
    std::replace(modes.begin(), modes.end(), dm, kVerticalDiagonal);
    return modes;
}

int wide_angle_mode(int mode, int w, int h) {
    if (mode < kFirstAngular || mode > kVerticalDiagonal || w == h) return mode;
    // Number of modes that are replaced, by |log2(w / h)|.
    static constexpr std::array<int, 6> kReplaced = {0, 6, 10, 12, 14, 15};
    const int ratio = log2_of(w) - log2_of(h);
    assert(std::abs(ratio) < int(kReplaced.size()));
    const int replaced = kReplaced[size_t(std::abs(ratio))];
    if (ratio > 0 && mode < kFirstAngular + replaced) return mode + kNumAngularModes;
    if (ratio < 0 && mode > kVerticalDiagonal - replaced) return mode - (kVerticalDiagonal + 1);
    return mode;
}

}  // namespace idse::vvc
