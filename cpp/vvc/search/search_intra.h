// Intra mode decision of one coding unit: SATD preselection, then full rate-distortion tests.
#pragma once

#include <memory>

#include "../predict/intra_predictor.h"
#include "cu_syntax.h"
#include "transform_unit.h"

namespace idse::vvc {

// What a trial carries along and hands back: contexts as the writer would have them, state of the QP group.
struct SearchState {
    ContextSet contexts;
    QpGroup group;
};

// The best way found to code a coding unit without splitting it.
struct UnitTrial {
    CodingUnit unit;
    std::int64_t cost = 0;  // Distortion units
    SearchState after;
    std::unique_ptr<TransformTrial> component[3];

    UnitTrial();
    // Levels of the coded components, one after the other.
    void append_levels(std::vector<Level>& out) const;
};

class IntraSearch {
  public:
    IntraSearch(const FrameContext& context, FrameState& state);

    // Finds the unit of node.area in node.tree and leaves it in `best` (cost included). The picture's
    // reconstruction and grids are as before on return, except that a single-tree unit has been committed.
    void search(const TreeNode& node, const SearchState& before, UnitTrial& best);

    // Writes a trial's reconstruction and block information into the picture.
    void commit(const TreeNode& node, const UnitTrial& trial);

  private:
    void search_luma(const TreeNode& node, const SearchState& before, UnitTrial& best);
    void search_chroma(const TreeNode& node, const SearchState& before, int qp_y, UnitTrial& best);
    int preselect_luma(const Block& block, const SearchState& before, const MpmList& mpm, int wanted,
                       int modes[]);
    std::int64_t trial_cost(const TreeNode& node, const CodingUnit& unit, const SearchState& before,
                            const UnitTrial& trial, SearchState& after);
    void commit_luma(const TreeNode& node, const UnitTrial& trial);
    void commit_chroma(const TreeNode& node, const UnitTrial& trial);
    PredictionContext prediction_context(TreeType tree) const;

    const FrameContext& context_;
    FrameState& state_;
    TransformUnitCoder transform_;
    IntraPredictor predictor_[2];
    UnitTrial candidate_;
    std::vector<Level> levels_;
    alignas(64) Sample prediction_[kMaxTbSize * kMaxTbSize];
    alignas(64) Sample chroma_prediction_[2][8][kMaxTbSize * kMaxTbSize / 4];
};

}  // namespace idse::vvc
