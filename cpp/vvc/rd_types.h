// Fixed-point types of rate and distortion. Everything is integer, so that decisions (and with them the
// bytes) are the same for any compiler, thread count and SIMD level.
#pragma once

#include <cstdint>

namespace idse::vvc {

// Rate in units of 2^-15 bit.
using Rate = std::int64_t;
inline constexpr int kRateShift = 15;
inline constexpr Rate kOneBit = Rate{1} << kRateShift;

// Weighted squared error, sum w * e^2, with w in units of 2^-12 (an unweighted block has w == kUnitWeight):
// distortion of one unit of 10-bit squared error is 4096. Additive over any split.
using Distortion = std::int64_t;
inline constexpr int kWeightShift = 12;

// A weight as fixed point; 1.0 is 4096. A type of its own so that it can't be mixed up with samples.
struct Weight {
    std::uint32_t fx = 1u << kWeightShift;
    friend bool operator==(Weight a, Weight b) { return a.fx == b.fx; }
};
inline constexpr Weight kUnitWeight{1u << kWeightShift};

// Lagrangian multiplier: 10-bit squared error per bit, in units of 2^-12 (so lambda.fx * bits is a
// Distortion).
struct Lambda {
    std::int64_t fx = 0;
};

// Cost of a rate, in units of Distortion. The product is formed with 4 bits dropped from lambda to stay in 64
// bits.
inline std::int64_t rate_cost(Lambda lambda, Rate rate) {
    return ((lambda.fx >> 4) * rate) >> (kRateShift - 4);
}

// lambda / w of a block with mean weight w.
inline Lambda divide(Lambda lambda, Weight w) {
    return w == kUnitWeight ? lambda : Lambda{((lambda.fx << kWeightShift) + w.fx / 2) / w.fx};
}

}  // namespace idse::vvc
