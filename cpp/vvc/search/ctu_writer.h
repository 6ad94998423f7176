// Replays the decisions of a CTU into the bit stream: coding_tree_unit() (clause 7.3.11.2).
#pragma once

#include "cu_syntax.h"

namespace idse::vvc {

// log: of the CTU at (x, y); frame state: after its search. previous_qp: as TreeSearch::search_ctu, updated.
template <class Coder>
void write_ctu(Coder& coder, const CtuLog& log, int x, int y, const FrameContext& context,
               const FrameState& state, int& previous_qp);

}  // namespace idse::vvc
