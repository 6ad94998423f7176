// Analysis of a picture: the decisions of all its CTUs, before anything is filtered or written.
#pragma once

#include <functional>
#include <vector>

#include "../entropy/cabac.h"
#include "frame_context.h"

namespace idse::vvc {

// What the search has decided about a CTU.
struct CtuDecisions {
    CtuLog log;
    ContextSet contexts;  // after the CTU, as the search counted with: the writer's must be the same
    int previous_qp = 0;  // QpY of the last luma coding unit
};

// In raster order.
struct PictureDecisions {
    int cols = 0;
    int rows = 0;
    std::vector<CtuDecisions> ctus;

    const CtuDecisions& at(int col, int row) const { return ctus[size_t(row) * size_t(cols) + size_t(col)]; }
    CtuDecisions& at(int col, int row) { return ctus[size_t(row) * size_t(cols) + size_t(col)]; }
};

// Decides all CTUs; reconstruction (before the loop filters) and grids are left in the frame state. With WPP,
// rows are decided in parallel on up to `threads` threads. coded: called after each CTU with the share of the
// picture, from one thread at a time; may throw to stop.
PictureDecisions search_picture(const FrameContext& context, FrameState& state, int threads,
                                const std::function<void(double)>& coded);

}  // namespace idse::vvc
