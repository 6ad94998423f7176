// Squared error under a plane's weights.
#pragma once

#include "plane_weights.h"

namespace idse::vvc {

// sum w * (a - b)^2 over a block of the plane that `weights` belongs to; a and b point to its first sample.
Distortion weighted_sse(const PlaneWeights& weights, const Block& block, const Sample* a,
                        std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride);

// sum (a - b)^2 over w x h samples, whatever their number.
std::int64_t plain_sse(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride,
                       int w, int h);

}  // namespace idse::vvc
