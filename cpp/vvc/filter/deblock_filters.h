// The sample operations of deblocking across one short piece of an edge (clauses 8.8.3.6.2 to 8.8.3.6.10).
//
// An edge lies between samples p0 (before) and q0 (behind); `across` steps from p to q, `along` follows the
// edge.
#pragma once

#include <cstddef>

#include "../types.h"

namespace idse::vvc {

// tC and beta at the coded bit depth.
struct EdgeThresholds {
    int beta = 0;
    int tc = 0;
};

// qp: mean of both sides (without QpBdOffset); bS is 2. Offsets as signalled, in units of 2.
EdgeThresholds edge_thresholds(int qp, int beta_offset_div2, int tc_offset_div2);

// Largest number of samples that may change on each side of a luma edge: 1, 3 or 7.
struct LumaFilterLengths {
    int p = 1;
    int q = 1;
};

// Four lines of a luma edge; q0 is the first sample behind the edge on the first of them.
void filter_luma_edge(Sample* q0, std::ptrdiff_t across, std::ptrdiff_t along,
                      const EdgeThresholds& thresholds, LumaFilterLengths lengths);

// Two lines of a chroma edge (4:2:0: what covers four luma samples).
// large: both sides have 8 chroma samples or more; short_p: the edge is a horizontal CTU boundary, where only
// two rows above may be read and one changed.
void filter_chroma_edge(Sample* q0, std::ptrdiff_t across, std::ptrdiff_t along,
                        const EdgeThresholds& thresholds, bool large, bool short_p);

}  // namespace idse::vvc
