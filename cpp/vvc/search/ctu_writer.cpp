#include "ctu_writer.h"

#include <algorithm>

#include "search_tree.h"

namespace idse::vvc {

namespace {

// Walks the tree along the log.
template <class Coder>
class CtuReplay {
  public:
    CtuReplay(Coder& coder, const CtuLog& log, const FrameContext& context, const FrameState& state,
              int& previous_qp)
        : coder_(coder), log_(log), context_(context), state_(state), previous_qp_(previous_qp) {}

    void node(const TreeNode& node) {
        const bool group_start = has_luma(node.tree) && node.mtt_depth == 0 &&
                                 node.area.w == std::min(kMaxTbSize, context_.limits.ctu_size);
        if (group_start) {
            group_.predicted =
                predict_qp(state_, node.area.x, node.area.y, context_.limits.ctu_size, last_qp_);
            group_.coded = !context_.qp_delta_enabled;
        }
        const AllowedSplits allowed = allowed_splits(node, context_.limits);
        const Split split = log_.splits[next_split_++];
        code_split(coder_, node, split, allowed, context_, state_);
        if (split == Split::kNone) {
            unit(node);
            return;
        }
        TreeNode children[4];
        const int count = split_node(node, split, context_.limits, children);
        const bool local_dual_tree = node.tree == TreeType::kSingle && split == Split::kQt &&
                                     node.area.w == 8 && has_chroma(node.tree, context_.format());
        for (int i = 0; i < count; i++) {
            if (local_dual_tree) children[i].tree = TreeType::kDualLuma;
            this->node(children[i]);
        }
        if (local_dual_tree) {
            TreeNode chroma = node;
            chroma.tree = TreeType::kDualChroma;
            this->node(chroma);
        }
    }

    void start(int previous_qp) { last_qp_ = previous_qp; }
    void finish() { previous_qp_ = last_qp_; }

  private:
    void unit(const TreeNode& node) {
        const CodingUnit& u = log_.units[next_unit_++];
        const bool chroma = has_chroma(u.tree, context_.format());
        code_unit(coder_, u, log_.levels.data() + u.first_level, context_,
                  has_luma(u.tree) ? mpm_list_of(state_, u.luma, context_.limits.ctu_size) : MpmList{},
                  chroma ? dm_mode_of(state_, u.luma) : kPlanar,
                  chroma && cclm_allowed(context_, state_, u, node.qt_depth), group_);
        if (has_luma(u.tree)) last_qp_ = u.qp;
    }

    Coder& coder_;
    const CtuLog& log_;
    const FrameContext& context_;
    const FrameState& state_;
    int& previous_qp_;
    int last_qp_ = 0;
    QpGroup group_;
    size_t next_split_ = 0;
    size_t next_unit_ = 0;
};

}  // namespace

template <class Coder>
void write_ctu(Coder& coder, const CtuLog& log, int x, int y, const FrameContext& context,
               const FrameState& state, int& previous_qp) {
    CtuReplay<Coder> replay(coder, log, context, state, previous_qp);
    replay.start(previous_qp);
    for_each_tree_root(x, y, context, [&](const TreeNode& root) { replay.node(root); });
    replay.finish();
}

template void write_ctu<BitCounter>(BitCounter&, const CtuLog&, int, int, const FrameContext&,
                                    const FrameState&, int&);
template void write_ctu<CabacWriter>(CabacWriter&, const CtuLog&, int, int, const FrameContext&,
                                     const FrameState&, int&);

}  // namespace idse::vvc
