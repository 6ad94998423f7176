// Scaling of levels (clause 8.7.3) and the three encoders' choices of levels: plain, RDOQ, dependent
// (trellis).
#pragma once

#include "../entropy/cabac.h"
#include "../rd_types.h"
#include "../types.h"

namespace idse::vvc {

struct QuantParams {
    int qp = 0;  // qP of clause 8.7.1: Qp'Y / Qp'Cb / Qp'Cr, i.e. with QpBdOffset (for transform skip: at
                 // least QpPrimeTsMin, the caller's job)
    int log2_w = 2;
    int log2_h = 2;
    Component component = Component::kY;
    bool transform_skip = false;
    bool dependent_quant = false;  // never together with transform_skip
    // Factors m of a scaling list, w*h row-major, or null for 16: for dequantize(). The choices of levels
    // work in units in which the list is flat.
    const std::uint8_t* factors = nullptr;
    // Weights of the squared errors that a choice of levels counts (Weight::fx, w*h), or null for 1.
    const std::uint32_t* weights = nullptr;
};

// Levels to coefficients; both w*h row-major. Bit-exact.
void dequantize(const Level* levels, const QuantParams& params, Coeff* coeffs);

// Level choice for a block of coefficients. lambda is the block's own (picture lambda / mean weight of the
// block), so that inside the plain squared error counts. contexts: state before the block's residual syntax
// (not adapted). Returns the number of levels that are not zero. Cost model: sample-domain squared error *
// 2^12 + rate_cost().
int quantize_plain(const Coeff* coeffs, const QuantParams& params, Level* levels);  // dead zone 1/3
int quantize_rdoq(const Coeff* coeffs, const QuantParams& params, Lambda lambda, const ContextSet& contexts,
                  Level* levels);  // also for transform skip
int quantize_dependent(const Coeff* coeffs, const QuantParams& params, Lambda lambda,
                       const ContextSet& contexts,
                       Level* levels);  // 4-state (8 with the zero state) trellis

}  // namespace idse::vvc
