// coding_unit() and the split flags of coding_tree() (clauses 7.3.11.4, 7.3.11.5) from decided values: one
// template for the bit counter of the search and for the writer.
#pragma once

#include "../entropy/cabac.h"
#include "../predict/intra_modes.h"
#include "frame_context.h"

namespace idse::vvc {

// Modes that a block's surroundings imply.
MpmList mpm_list_of(const FrameState& state, const Block& luma, int ctu_size);
// Luma mode at the centre of a chroma block: what DM takes over (clause 8.4.3).
int dm_mode_of(const FrameState& state, const Block& luma);
bool cclm_allowed(const FrameContext& context, const FrameState& state, const CodingUnit& unit, int qt_depth);

// Writes split_cu_flag, split_qt_flag, mtt_split_cu_*: nothing where the split is implied.
template <class Coder>
void code_split(Coder& coder, const TreeNode& node, Split split, const AllowedSplits& allowed,
                const FrameContext& context, const FrameState& state);

// levels: of the unit, components one after the other, only those coded. group is updated (IsCuQpDeltaCoded).
// dm: dm_mode_of(), used only if the unit has chroma.
template <class Coder>
void code_unit(Coder& coder, const CodingUnit& unit, const Level* levels, const FrameContext& context,
               const MpmList& mpm, int dm, bool cclm, QpGroup& group);

}  // namespace idse::vvc
