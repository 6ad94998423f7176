// A scaling list that is cheap to say and near to what is wanted.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace idse::vvc {

// What a list of size x size entries should be, in rows.
struct ScalingListTarget {
    std::vector<double> log2_factor;  // of the best factors, 0..7.99
    std::vector<double> worth;        // bits that a squared difference of log2 costs
};

// Bits that the entries' differences from the target are worth.
double mismatch(const ScalingListTarget& target, const std::uint8_t* entries);

// The entries (the first size * size of 64; size 4 or 8) of least mismatch and syntax bits together.
void fit_scaling_list(const ScalingListTarget& target, int size, std::array<std::uint8_t, 64>& entries);

}  // namespace idse::vvc
