// Scaling lists (clause 7.4.3.21): the factor m[x][y] of clause 8.7.3 of every coefficient; 16 is flat.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "../types.h"

namespace idse::vvc {

inline constexpr int kFlatScalingFactor = 16;
inline constexpr int kScalingLists = 28;        // ids 0, 1: 2x2; 2..7: 4x4; others 8x8
inline constexpr int kFirstScalingListDc = 14;  // from here on a list has a DC entry of its own

// One picture's lists by the `id` of the standard.
struct ScalingLists {
    // Rows of vertical frequency, as many entries as the list's size has.
    std::array<std::array<std::uint8_t, 64>, kScalingLists> list;
    std::array<std::uint8_t, kScalingLists - kFirstScalingListDc> dc;

    ScalingLists();  // all flat

    static int size(int id) { return id < 2 ? 2 : id < 8 ? 4 : 8; }
    // The list of an intra block (table 38) of a component; log2_side: of its longer side, 2..6.
    static int id_of(Component component, int log2_side);
    // m of every coefficient of an intra block, row-major.
    std::vector<std::uint8_t> factors(Component component, int log2_w, int log2_h) const;

    bool is_flat() const { return *this == ScalingLists(); }
    friend bool operator==(const ScalingLists& a, const ScalingLists& b) {
        return a.list == b.list && a.dc == b.dc;
    }
};

}  // namespace idse::vvc
