// What is constant while a frame is coded, and the state that grows with it.
#pragma once

#include <vector>

#include "../picture.h"
#include "../rd_types.h"
#include "../settings.h"
#include "../transform/frequency_table.h"
#include "../tree/coding_unit.h"
#include "../tree/partition.h"
#include "../weights/plane_weights.h"
#include "../weights/tiles.h"

namespace idse::vvc {

// Effort of the search (one entry per preset).
struct SearchEffort {
    int full_rd_luma[5];     // luma modes that get a full rate-distortion test, by log2(min side) - 2
    int full_rd_chroma;      // chroma modes likewise
    int max_ts_size;         // largest side for which transform skip is tried; 0 = never
    bool ts_all_candidates;  // try it for every candidate, else for the best one only
    int mtt_depth_luma;      // 0: quad-tree only
    int mtt_depth_chroma;
    double mtt_direction_ratio;  // horizontal (vertical) splits only where the picture changes along y (x) at
                                 // least 1 / this as much as along x (y)
};
SearchEffort effort_of_preset(int preset);

struct FrameContext {
    const Settings* settings = nullptr;
    SearchEffort effort{};
    PartitionLimits limits;
    const Picture* source = nullptr;  // coded size, 10 bit
    int slice_qp = 32;
    Lambda lambda;
    bool qp_delta_enabled = false;
    int group_cols = 0;
    std::vector<std::int8_t> group_qp;  // target QpY of each 64x64 luma block
    PlaneWeights distortion_weights[3];
    PlaneWeights quant_weights[3];  // for lambda / mean(w) inside a transform block
    TileWeights tiles;              // luma distortion, when given
    FrequencyTables frequency;      // empty where all frequencies weigh the same
    bool frequency_in_decisions = false;
    bool frequency_in_levels = false;
    int chroma_qp_offset[3] = {0, 0, 0};
    const std::int8_t* chroma_qp_table = nullptr;  // index QpY + kQpBdOffset

    ChromaFormat format() const { return source->chroma_format; }
    bool dual_tree() const { return settings->dual_tree && format() != ChromaFormat::k400; }
    int target_qp(int x, int y) const { return group_qp[size_t(y >> 6) * group_cols + (x >> 6)]; }
    // qP of clause 8.7.1 (with QpBdOffset) of a component at a luma QP.
    int quant_qp(Component c, int qp_y) const;
    // lambda for the decisions inside a transform block.
    Lambda block_lambda(Component c, const Block& block) const {
        return divide(lambda, quant_weights[size_t(c)].mean(block));
    }
    // lambda for measures of a whole block that know no frequencies, such as SATD.
    Lambda rough_lambda(Component c, const Block& block) const;
};

// What grows as the frame is coded; with WPP several rows write to it, each its own cells.
struct FrameState {
    Picture recon;
    BlockGrid luma_grid;
    BlockGrid chroma_grid;  // of a single tree too

    const BlockGrid& grid(TreeType tree) const {
        return tree == TreeType::kDualChroma ? chroma_grid : luma_grid;
    }
};

// Calls f for the roots of a CTU's coding trees in coding order: the CTU itself, or by
// dual_tree_implicit_qt_split() (clause 7.3.11.3) luma and chroma trees of 64x64 luma samples in turn.
template <class F>
void for_each_tree_root(int x, int y, const FrameContext& context, F f) {
    const int ctu = context.limits.ctu_size;
    TreeNode root;
    root.area = Block{x, y, ctu, ctu};
    if (!context.dual_tree()) {
        root.tree = TreeType::kSingle;
        f(root);
        return;
    }
    const int unit = ctu < kMaxTbSize ? ctu : kMaxTbSize;
    const int per_row = ctu / unit;
    for (int i = 0; i < per_row * per_row; i++) {
        TreeNode node = root;
        node.area = Block{x + (i % per_row) * unit, y + (i / per_row) * unit, unit, unit};
        node.qt_depth = per_row > 1 ? 1 : 0;
        if (node.area.x >= context.limits.picture_width || node.area.y >= context.limits.picture_height)
            continue;
        node.tree = TreeType::kDualLuma;
        f(node);
        node.tree = TreeType::kDualChroma;
        f(node);
    }
}

}  // namespace idse::vvc
