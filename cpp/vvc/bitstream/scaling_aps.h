// The adaptation parameter set that carries scaling lists (clauses 7.3.2.6, 7.3.2.21).
#pragma once

#include "bit_writer.h"
#include "scaling_list.h"

namespace idse::vvc {

// adaptation_parameter_set_rbsp() of type SCALING_APS; each list copied, predicted or written out, whichever
// takes the fewest bits. chroma: aps_chroma_present_flag, which must say whether the pictures have chroma
// (clause 7.4.3.6); without it the lists of Cb and Cr are not there. aps_id: 0..7.
Bytes scaling_aps_rbsp(const ScalingLists& lists, bool chroma, int aps_id);

}  // namespace idse::vvc
