// The Lagrangian of a QP, and the Hadamard distortion (SATD) that preselects modes.
#pragma once

#include "../rd_types.h"
#include "../types.h"

namespace idse::vvc {

// lambda = 0.57 * 2^((qp - 12) / 3) for 8-bit squared error, times 16 for 10 bit: the all-intra Lagrangian of
// the reference model. qp_fine in 1/16 QP steps lets rate control move between QPs.
Lambda lambda_of_qp(int qp, bool dependent_quant, int qp_fine = 0);

// sqrt(lambda) for L1 measures, in units of SATD per bit with 8 fractional bits.
std::int64_t sqrt_lambda(Lambda lambda);

// Sum of absolute Hadamard-transformed differences of w x h samples (multiples of 4), per 8x8 or 4x4 block,
// scaled so that it is comparable with a sum of absolute differences.
std::int64_t satd(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride, int w,
                  int h);

}  // namespace idse::vvc
