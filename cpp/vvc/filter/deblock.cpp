#include "deblock.h"

#include <algorithm>

#include "deblock_filters.h"

namespace idse::vvc {

namespace {

enum class EdgeDirection {
    kVertical,
    kHorizontal
};  // kVertical: the edge runs down, samples left and right of it

// A transform block's side in luma samples: coding blocks larger than MaxTbSizeY are coded in several.
int transform_side(int log2_coding_side) {
    return std::min(1 << log2_coding_side, kMaxTbSize);
}

// The two coding blocks at an edge piece of one cell, and their transform blocks' sides across the edge,
// in luma samples. q is null where there is no edge.
struct EdgePiece {
    const BlockInfo* p = nullptr;
    const BlockInfo* q = nullptr;
    int side_p = 0;
    int side_q = 0;
};

template <EdgeDirection D>
EdgePiece edge_before(const BlockGrid& grid, int cx, int cy) {
    constexpr bool vertical = D == EdgeDirection::kVertical;
    if ((vertical ? cx : cy) == 0) return {};
    const BlockInfo& q = grid.cell(cx, cy);
    const int distance = vertical ? cx * kUnit - q.x0 : cy * kUnit - q.y0;
    if (distance % kMaxTbSize != 0) return {};  // neither a coding nor a transform block begins here
    const BlockInfo& p = vertical ? grid.cell(cx - 1, cy) : grid.cell(cx, cy - 1);
    return {&p, &q, transform_side(vertical ? p.log2_w : p.log2_h),
            transform_side(vertical ? q.log2_w : q.log2_h)};
}

LumaFilterLengths luma_lengths(const EdgePiece& edge, bool ctu_row_boundary) {
    if (edge.side_p <= 4 || edge.side_q <= 4) return {1, 1};
    // Across a CTU row boundary no more than 4 rows above may be read (line buffer of decoders).
    return {edge.side_p >= 32 && !ctu_row_boundary ? 7 : 3, edge.side_q >= 32 ? 7 : 3};
}

template <EdgeDirection D>
void deblock_luma(Plane& plane, const BlockGrid& grid, const DeblockParams& params) {
    constexpr bool vertical = D == EdgeDirection::kVertical;
    const std::ptrdiff_t across = vertical ? 1 : plane.stride();
    const std::ptrdiff_t along = vertical ? plane.stride() : 1;
    for (int cy = 0; cy < grid.rows(); cy++) {
        const bool ctu_row_boundary = !vertical && (cy * kUnit) % params.ctu_size == 0;
        for (int cx = 0; cx < grid.cols(); cx++) {
            const EdgePiece edge = edge_before<D>(grid, cx, cy);
            if (edge.q == nullptr) continue;
            const int qp = (edge.p->qp + edge.q->qp + 1) >> 1;
            filter_luma_edge(plane.at(cx * kUnit, cy * kUnit), across, along,
                             edge_thresholds(qp, params.beta_offset_div2, params.tc_offset_div2),
                             luma_lengths(edge, ctu_row_boundary));
        }
    }
}

// QpC of a coding unit without QpBdOffset, with the picture's offset (what was used to quantise it).
int chroma_qp(int luma_qp, const std::int8_t* table, int offset) {
    const int qp = std::clamp(luma_qp, -kQpBdOffset, 63);
    const int mapped = table == nullptr ? qp : table[qp + kQpBdOffset];
    return std::clamp(mapped + offset, -kQpBdOffset, 63);
}

template <EdgeDirection D>
void deblock_chroma(Picture& recon, const BlockGrid& grid, const DeblockParams& params) {
    constexpr bool vertical = D == EdgeDirection::kVertical;
    constexpr int cell = kUnit / 2;      // chroma samples per cell
    constexpr int grid_step = 8 / cell;  // edges are filtered on a grid of 8 chroma samples
    constexpr int step_x = vertical ? grid_step : 1;
    constexpr int step_y = vertical ? 1 : grid_step;
    constexpr int large_side = 8 * 2;  // 8 chroma samples in luma samples
    const std::ptrdiff_t stride = recon.plane(Component::kCb).stride();
    const std::ptrdiff_t across = vertical ? 1 : stride;
    const std::ptrdiff_t along = vertical ? stride : 1;
    for (int cy = 0; cy < grid.rows(); cy += step_y) {
        const bool ctu_row_boundary = !vertical && (cy * kUnit) % params.ctu_size == 0;
        for (int cx = 0; cx < grid.cols(); cx += step_x) {
            const EdgePiece edge = edge_before<D>(grid, cx, cy);
            if (edge.q == nullptr) continue;
            const bool large = edge.side_p >= large_side && edge.side_q >= large_side;
            for (const Component component : {Component::kCb, Component::kCr}) {
                const int offset = component == Component::kCb ? params.cb_qp_offset : params.cr_qp_offset;
                const int qp = (chroma_qp(edge.p->qp, params.chroma_qp_table, offset) +
                                chroma_qp(edge.q->qp, params.chroma_qp_table, offset) + 1) >>
                               1;
                filter_chroma_edge(recon.plane(component).at(cx * cell, cy * cell), across, along,
                                   edge_thresholds(qp, params.beta_offset_div2, params.tc_offset_div2), large,
                                   ctu_row_boundary);
            }
        }
    }
}

template <EdgeDirection D>
void deblock_edges(Picture& recon, const BlockGrid& luma_grid, const BlockGrid& chroma_grid,
                   const DeblockParams& params) {
    // Within one direction no edge reads what another one changes, so the order doesn't matter.
    deblock_luma<D>(recon.plane(Component::kY), luma_grid, params);
    if (recon.chroma_format == ChromaFormat::k420) deblock_chroma<D>(recon, chroma_grid, params);
}

}  // namespace

void deblock_picture(Picture& recon, const BlockGrid& luma_grid, const BlockGrid& chroma_grid,
                     const DeblockParams& params) {
    deblock_edges<EdgeDirection::kVertical>(recon, luma_grid, chroma_grid, params);
    deblock_edges<EdgeDirection::kHorizontal>(recon, luma_grid, chroma_grid, params);
}

}  // namespace idse::vvc
