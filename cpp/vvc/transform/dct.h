// DCT-II of 4..64 points per side (2 for later), forward and inverse, with the zero-out of clause 8.7.4.1.
#pragma once

#include "../types.h"

namespace idse::vvc {

// residual: w*h with stride. out: w*h row-major (stride w); coefficients at x or y >= 32 are written as zero.
// Forward shifts: first stage (rows) log2_w + kBitDepth - 9, second log2_h + 6.
void forward_dct2(const Residual* residual, std::ptrdiff_t stride, int log2_w, int log2_h, Coeff* out);

// Exactly clause 8.7.4: vertical first, shift 7, clip to 16 bits, horizontal, shift 20 - kBitDepth.
// nonzero_w/h: columns / rows (from 0) that may hold a coefficient, so that zero parts cost nothing.
void inverse_dct2(const Coeff* in, int log2_w, int log2_h, int nonzero_w, int nonzero_h, Residual* residual,
                  std::ptrdiff_t stride);

// Transform skip: forward scale so that the same quantiser fits, inverse exactly clause 8.7.4.2 /8.7.3.
void forward_transform_skip(const Residual* residual, std::ptrdiff_t stride, int log2_w, int log2_h,
                            Coeff* out);
void inverse_transform_skip(const Coeff* in, int log2_w, int log2_h, Residual* residual,
                            std::ptrdiff_t stride);

}  // namespace idse::vvc
