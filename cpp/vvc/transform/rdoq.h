// Rate-distortion optimised level choice without dependent quantisation. quantize_rdoq() of quant.h is one of
// these two.
#pragma once

#include "quant.h"

namespace idse::vvc {

int rdoq_regular(const Coeff* coeffs, const QuantParams& params, Lambda lambda, const ContextSet& contexts,
                 Level* levels);
int rdoq_transform_skip(const Coeff* coeffs, const QuantParams& params, Lambda lambda,
                        const ContextSet& contexts, Level* levels);

}  // namespace idse::vvc
