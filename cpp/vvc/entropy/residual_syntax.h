// residual_coding() and residual_ts_coding() (clauses 7.3.11.11, 7.3.11.12) as bins, for writer and counter
// alike.
#pragma once

#include "../types.h"
#include "cabac.h"

namespace idse::vvc {

struct ResidualShape {
    int log2_w = 2;
    int log2_h = 2;
    Component component = Component::kY;
    bool dependent_quant = false;
};

// levels: w*h, row-major, stride w; at least one is not zero; those at x or y >= 32 are zero.
template <class Coder>
void code_residual(Coder& coder, const Level* levels, const ResidualShape& shape);

// Transform-skip residual (w and h <= 32); never dependent quantisation, never sign hiding.
template <class Coder>
void code_residual_ts(Coder& coder, const Level* levels, const ResidualShape& shape);

}  // namespace idse::vvc
