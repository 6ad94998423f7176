// Weighted squared error over samples as VTM has them (Pel).
#pragma once

#include <cstddef>
#include <cstdint>

#include "sse_kernel.h"
#include "vvc/weights/plane_weights.h"

namespace idse {
namespace vtm {

// sum w * (a - b)^2 over the block, w as fixed point (units of 2^-12); a and b point to its first sample.
// Samples of at most 15 bits. Exact integers: the same with and without AVX2.
std::int64_t weighted_sse(const idse::vvc::PlaneWeights& weights, const idse::vvc::Block& block,
                          const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                          std::ptrdiff_t b_stride);
// For builds of VTM whose Pel is int (RExt__HIGH_BIT_DEPTH_SUPPORT).
std::int64_t weighted_sse(const idse::vvc::PlaneWeights& weights, const idse::vvc::Block& block,
                          const std::int32_t* a, std::ptrdiff_t a_stride, const std::int32_t* b,
                          std::ptrdiff_t b_stride);

// For tests: which kernel weighted_sse() uses; null brings the best one back.
void force_sse_kernel(SseKernel kernel);

}  // namespace vtm
}  // namespace idse
