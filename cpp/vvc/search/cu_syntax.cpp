#include "cu_syntax.h"

#include <algorithm>

#include "../block_math.h"
#include "../entropy/coding_tree_syntax.h"
#include "../entropy/residual_syntax.h"
#include "../predict/cclm_allowed.h"

namespace idse::vvc {

MpmList mpm_list_of(const FrameState& state, const Block& luma, int ctu_size) {
    const BlockGrid& grid = state.luma_grid;
    const int left = luma.x > 0 ? grid.at(luma.x - 1, luma.y + luma.h - 1).mode : kPlanar;
    const bool above_in_ctu = (luma.y & (ctu_size - 1)) != 0;  // saves a line buffer of modes
    const int above = above_in_ctu ? grid.at(luma.x + luma.w - 1, luma.y - 1).mode : kPlanar;
    return make_mpm_list(left, above);
}

int dm_mode_of(const FrameState& state, const Block& luma) {
    return state.luma_grid.at(luma.x + luma.w / 2, luma.y + luma.h / 2).mode;
}

bool cclm_allowed(const FrameContext& context, const FrameState& state, const CodingUnit& unit,
                  int qt_depth) {
    if (!context.settings->cclm) return false;
    if (!context.dual_tree()) return true;
    return cclm_allowed(state.luma_grid, unit.luma, qt_depth, context.limits.ctu_size);
}

template <class Coder>
void code_split(Coder& coder, const TreeNode& node, Split split, const AllowedSplits& allowed,
                const FrameContext& context, const FrameState& state) {
    const Block& a = node.area;
    const bool inside =
        a.x + a.w <= context.limits.picture_width && a.y + a.h <= context.limits.picture_height;
    if (!allowed.any()) return;
    const BlockGrid& grid = state.grid(node.tree);
    const BlockInfo* left = a.x > 0 ? &grid.at(a.x - 1, a.y) : nullptr;
    const BlockInfo* above = a.y > 0 ? &grid.at(a.x, a.y - 1) : nullptr;
    SplitNeighbours n;
    if (left) {
        n.left_available = true;
        n.left_height = 1 << left->log2_h;
        n.left_qt_depth = left->qt_depth;
    }
    if (above) {
        n.above_available = true;
        n.above_width = 1 << above->log2_w;
        n.above_qt_depth = above->qt_depth;
    }
    if (inside) code_split_cu_flag(coder, split != Split::kNone, n, a, allowed);
    if (split == Split::kNone) return;
    if (allowed.qt && allowed.any_mtt()) code_split_qt_flag(coder, split == Split::kQt, n, node.qt_depth);
    if (split != Split::kQt) code_mtt_split(coder, split, n, a, node.mtt_depth, allowed);
}

template <class Coder>
void code_unit(Coder& coder, const CodingUnit& unit, const Level* levels, const FrameContext& context,
               const MpmList& mpm, int dm, bool cclm, QpGroup& group) {
    const bool luma = has_luma(unit.tree);
    const bool chroma = has_chroma(unit.tree, context.format());
    if (luma) code_luma_mode(coder, code_of_luma_mode(unit.luma_mode, mpm));
    if (chroma) code_chroma_mode(coder, unit.chroma_mode, unit.chroma_dm, dm, cclm);

    // transform_unit(), clause 7.3.11.10
    if (chroma) {
        code_tu_cb_coded_flag(coder, unit.cbf[1]);
        code_tu_cr_coded_flag(coder, unit.cbf[2], unit.cbf[1]);
    }
    if (luma) code_tu_y_coded_flag(coder, unit.cbf[0]);
    const bool any = unit.cbf[0] || unit.cbf[1] || unit.cbf[2];
    if (any && luma && context.qp_delta_enabled && !group.coded) {
        code_cu_qp_delta(coder, unit.qp - group.predicted);
        group.coded = true;
    }
    for (int c = 0; c < 3; c++) {
        if (!unit.cbf[c]) continue;
        const Block block = component_block(unit.luma, Component(c));
        if (context.settings->transform_skip && std::max(block.w, block.h) <= 32)
            code_transform_skip_flag(coder, unit.transform_skip[c], c == 0);
        ResidualShape shape;
        shape.log2_w = log2_of(block.w);
        shape.log2_h = log2_of(block.h);
        shape.component = Component(c);
        shape.dependent_quant = context.settings->dependent_quant;
        if (unit.transform_skip[c])
            code_residual_ts(coder, levels, shape);
        else
            code_residual(coder, levels, shape);
        levels += block.w * block.h;
    }
}

template void code_split<BitCounter>(BitCounter&, const TreeNode&, Split, const AllowedSplits&,
                                     const FrameContext&, const FrameState&);
template void code_split<CabacWriter>(CabacWriter&, const TreeNode&, Split, const AllowedSplits&,
                                      const FrameContext&, const FrameState&);
template void code_unit<BitCounter>(BitCounter&, const CodingUnit&, const Level*, const FrameContext&,
                                    const MpmList&, int, bool, QpGroup&);
template void code_unit<CabacWriter>(CabacWriter&, const CodingUnit&, const Level*, const FrameContext&,
                                     const MpmList&, int, bool, QpGroup&);

}  // namespace idse::vvc
