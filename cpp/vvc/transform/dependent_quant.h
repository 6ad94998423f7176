// Level choice for dependent quantisation: a trellis over the coding order with four states.
#pragma once

#include "cost_tables.h"
#include "quant.h"

namespace idse::vvc {

struct TrellisResult {
    int nonzero = 0;  // levels that are not zero
    Cost cost = 0;    // distortion + rate_cost, relative to a block of zeros (its coded block flag included)
};

// quantize_dependent() with the cost that the trellis believes in.
TrellisResult run_dependent_trellis(const Coeff* coeffs, const QuantParams& params, Lambda lambda,
                                    const ContextSet& contexts, Level* levels);

}  // namespace idse::vvc
