// Search over the coding tree of a CTU: leaf against splits, by Lagrangian cost.
#pragma once

#include <memory>
#include <vector>

#include "search_intra.h"

namespace idse::vvc {

class TreeSearch {
  public:
    TreeSearch(const FrameContext& context, FrameState& state);

    // Decides the CTU at (x, y), leaves its decisions in `log` (cleared first), reconstruction and grids in
    // the frame state. contexts: as the writer has them before the CTU. previous_qp: QpY of the last coding
    // unit of the previous quantisation group (qPY_PREV); updated.
    void search_ctu(int x, int y, const ContextSet& contexts, int& previous_qp, CtuLog& log);

    // Contexts after the CTU, equal to the writer's (a test compares them).
    const ContextSet& contexts() const { return search_.contexts; }

    // Memory for the log of one CTU after the other.
    CtuLog& scratch_log() { return scratch_log_; }

  private:
    std::int64_t search_node(const TreeNode& node, SearchState& s, std::int64_t limit, int depth);
    std::int64_t search_split(const TreeNode& node, Split split, const AllowedSplits& allowed, SearchState& s,
                              std::int64_t limit, int depth);
    // Splits worth a trial, in the order of the trials; returns their number.
    int splits_to_try(const TreeNode& node, const AllowedSplits& allowed, Split order[5]) const;
    void clear_area(const TreeNode& node);
    void start_group(const TreeNode& node, SearchState& s);

    // A finished split trial set aside while another split of the same node is tried.
    struct Saved {
        std::vector<Split> splits;
        std::vector<CodingUnit> units;
        std::vector<Level> levels;
        std::vector<Sample> samples;
        std::vector<BlockInfo> cells;
    };
    void save(const TreeNode& node, const CtuLog::Mark& mark, Saved& out) const;
    void restore(const TreeNode& node, const CtuLog::Mark& mark, const Saved& saved);

    const FrameContext& context_;
    FrameState& state_;
    IntraSearch intra_;
    CtuLog* log_ = nullptr;
    CtuLog scratch_log_;
    SearchState search_;
    int previous_qp_ = 0;
    int parts_done_ = 0;                              // of the last split trial, before it was stopped
    std::vector<std::unique_ptr<UnitTrial>> trials_;  // by depth
    std::vector<Saved> saved_;                        // by depth
};

// qPY_PRED of the quantisation group at (x, y) (clause 8.7.1).
int predict_qp(const FrameState& state, int x, int y, int ctu_size, int previous_qp);

}  // namespace idse::vvc
