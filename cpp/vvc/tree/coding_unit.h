// What the search has decided: an append-only log per CTU, which the writer replays.
#pragma once

#include <cstdint>
#include <vector>

#include "../types.h"

namespace idse::vvc {

enum class TreeType : std::uint8_t { kSingle, kDualLuma, kDualChroma };

// How a coding tree node is divided, in the order of the syntax.
enum class Split : std::uint8_t { kNone, kQt, kBtHor, kBtVer, kTtHor, kTtVer };

inline bool has_luma(TreeType tree) {
    return tree != TreeType::kDualChroma;
}
inline bool has_chroma(TreeType tree, ChromaFormat format) {
    return tree != TreeType::kDualLuma && format != ChromaFormat::k400;
}

// One coding unit. Its levels follow each other in CtuLog::levels from `first_level`, a component's w*h only
// where it is coded.
struct CodingUnit {
    Block luma;  // area in luma samples, for chroma units too
    TreeType tree = TreeType::kSingle;
    std::uint8_t luma_mode = kPlanar;
    std::uint8_t chroma_mode = kPlanar;  // 0..66 or 81..83
    bool chroma_dm = false;              // chroma_mode was taken over from luma
    std::int8_t qp = 0;                  // QpY
    bool cbf[3] = {false, false, false};
    bool transform_skip[3] = {false, false, false};
    std::uint32_t first_level = 0;
};

// The area of a coding unit in samples of a component's plane (4:2:0).
inline Block component_block(const Block& luma, Component c) {
    if (is_luma(c)) return luma;
    return Block{luma.x / 2, luma.y / 2, luma.w / 2, luma.h / 2};
}

// Decisions of one CTU in coding order. A trial is undone by cutting the log back to its mark.
struct CtuLog {
    struct Mark {
        size_t splits, units, levels;
    };
    std::vector<Split>
        splits;  // one per coding tree node whose split is not implied by dual_tree_implicit_qt_split
    std::vector<CodingUnit> units;
    std::vector<Level> levels;

    Mark mark() const { return {splits.size(), units.size(), levels.size()}; }
    void cut(const Mark& m) {
        splits.resize(m.splits);
        units.resize(m.units);
        levels.resize(m.levels);
    }
    void clear() { cut({0, 0, 0}); }
};

// State of cu_qp_delta inside a quantisation group (clauses 7.3.11.10, 8.7.1).
struct QpGroup {
    int predicted = 0;   // qPY_PRED
    int target = 0;      // what the group's coded units shall use
    bool coded = false;  // IsCuQpDeltaCoded
    int current() const { return coded ? target : predicted; }
};

}  // namespace idse::vvc
