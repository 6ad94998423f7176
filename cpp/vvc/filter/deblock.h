// Deblocking of an all-intra picture (clause 8.8.3), in place.
#pragma once

#include "../picture.h"

namespace idse::vvc {

struct DeblockParams {
    int ctu_size = 128;
    int beta_offset_div2 = 0;
    int tc_offset_div2 = 0;
    int cb_qp_offset = 0;  // pps_cb_qp_offset
    int cr_qp_offset = 0;
    const std::int8_t* chroma_qp_table =
        nullptr;  // ChromaQpTable[0] for QpY = -QpBdOffset..63, entry 0 = -QpBdOffset
};

// luma_grid: coding blocks of the luma (or single) tree; chroma_grid: of the chroma tree (== luma_grid when
// single).
void deblock_picture(Picture& recon, const BlockGrid& luma_grid, const BlockGrid& chroma_grid,
                     const DeblockParams& params);

}  // namespace idse::vvc
