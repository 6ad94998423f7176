#include "weighted_sse.h"

#include <algorithm>

#include "../simd/kernels.h"

namespace idse::vvc {

Distortion weighted_sse(const PlaneWeights& weights, const Block& block, const Sample* a,
                        std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride) {
    if (weights.is_uniform())
        return plain_sse(a, a_stride, b, b_stride, block.w, block.h) *
               Distortion(weights.uniform_weight().fx);
    const int log2_cell = weights.log2_cell();
    const int cell = 1 << log2_cell;
    const int last = weights.cols() - 1;
    Distortion total = 0;
    for (int y = 0; y < block.h;) {
        const int rows = std::min(cell - ((block.y + y) & (cell - 1)), block.h - y);
        const std::uint32_t* row = weights.cell_row((block.y + y) >> log2_cell);
        for (int x = 0; x < block.w;) {
            const int columns = std::min(cell - ((block.x + x) & (cell - 1)), block.w - x);
            const std::uint32_t w = row[std::min((block.x + x) >> log2_cell, last)];
            total +=
                plain_sse(a + y * a_stride + x, a_stride, b + y * b_stride + x, b_stride, columns, rows) *
                Distortion(w);
            x += columns;
        }
        y += rows;
    }
    return total;
}

std::int64_t plain_sse(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride,
                       int w, int h) {
    std::int64_t sum = 0;
    for (int x = 0; x < w; x += kMaxSseWidth)
        sum += kernels().sse(a + x, a_stride, b + x, b_stride, std::min(w - x, kMaxSseWidth), h);
    return sum;
}

}  // namespace idse::vvc
