// A picture as one slice NAL unit: picture header inside the slice header (clauses 7.3.2.8, 7.3.7), then its
// data.
#pragma once

#include "parameter_sets.h"

namespace idse::vvc {

// Appends an IDR_N_LP slice that covers the whole picture. substreams: what CabacWriter::finish() returned,
// in order; one, or with WPP one per CTU row. first_of_access_unit: no parameter sets were written just
// before. Every picture is an IDR with picture order count 0, so that pictures follow each other without more
// ado. scaling_aps_id: of the APS with the picture's scaling lists, 0..7; -1: it has none.
void append_picture(Bytes& stream, const SequenceParameters& params, int slice_qp, int scaling_aps_id,
                    const std::vector<Bytes>& substreams, bool first_of_access_unit);

}  // namespace idse::vvc
