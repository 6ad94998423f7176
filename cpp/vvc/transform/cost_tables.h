// Costs (lambda * rate, in units of Distortion) of what a transform block's syntax says about its levels, by
// the state of the contexts before the block: what the level choices look up.
#pragma once

#include <array>
#include <cstdint>

#include "../entropy/cabac.h"
#include "../entropy/residual_contexts.h"
#include "../rd_types.h"
#include "quant.h"

namespace idse::vvc {

using Cost = Distortion;

struct CostTables {
    CostTables(const QuantParams& params, Lambda lambda, const ContextSet& contexts);

    // abs_level_gtx_flag, par_level_flag and sign of |level| 0..5, by gtx_offset(); from 4 on abs_remainder()
    // comes on top.
    using LevelCosts = std::array<Cost, 6>;

    Cost remainder(int value, int rice) const { return bit * remainder_bits(value, rice); }
    // |level| >= 1 whose first pass is coded.
    Cost level(const LevelCosts& costs, int abs_level, int rice) const {
        return abs_level < 4 ? costs[size_t(abs_level)]
                             : costs[size_t(4 + (abs_level & 1))] + remainder((abs_level - 4) >> 1, rice);
    }
    // |level| >= 0 when the budget of context-coded bins is spent: dec_abs_level and sign.
    Cost bypass_level(int abs_level, int rice, int state) const {
        return remainder(dec_abs_level(abs_level, zero_position(rice, state)), rice) + (abs_level ? bit : 0);
    }
    Cost last(int x, int y) const { return last_x[size_t(x)] + last_y[size_t(y)]; }

    Cost bit;                                                // a bypass bin
    Cost coded;                                              // coded block flag: one instead of zero
    std::array<std::array<Cost, 2>, 2> group;                // sb_coded_flag by neighbour
    std::array<std::array<std::array<Cost, 2>, 12>, 3> sig;  // sig_coeff_flag by set, context
    std::array<LevelCosts, 21> gtx;                          // by gtx_offset()
    std::array<Cost, kMaxCodedTbSize> last_x;                // last_sig_coeff_x prefix and suffix
    std::array<Cost, kMaxCodedTbSize> last_y;
};

}  // namespace idse::vvc
