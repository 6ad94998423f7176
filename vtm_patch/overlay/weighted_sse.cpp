#include "weighted_sse.h"

#include <algorithm>

namespace idse {
namespace vtm {

namespace {

SseKernel best_kernel() {
    const SseKernel avx2 = sse_avx2();
    return avx2 ? avx2 : sse_scalar;
}

SseKernel& kernel_in_use() {
    static SseKernel kernel = best_kernel();
    return kernel;
}

template <class Pel>
std::int64_t plain(const Pel* a, std::ptrdiff_t a_stride, const Pel* b, std::ptrdiff_t b_stride, int w,
                   int h) {
    std::int64_t total = 0;
    for (int y = 0; y < h; y++, a += a_stride, b += b_stride)
        for (int x = 0; x < w; x++) {
            const std::int64_t e = std::int64_t(a[x]) - b[x];
            total += e * e;
        }
    return total;
}

// Cell by cell: within a cell the weight is one factor.
template <class Pel, class Plain>
std::int64_t by_cells(const idse::vvc::PlaneWeights& weights, const idse::vvc::Block& block, const Pel* a,
                      std::ptrdiff_t a_stride, const Pel* b, std::ptrdiff_t b_stride, Plain sse) {
    if (weights.is_uniform())
        return sse(a, a_stride, b, b_stride, block.w, block.h) * std::int64_t(weights.uniform_weight().fx);
    const int log2_cell = weights.log2_cell();
    const int cell = 1 << log2_cell;
    const int last = weights.cols() - 1;
    std::int64_t total = 0;
    for (int y = 0; y < block.h;) {
        const int rows = std::min(cell - ((block.y + y) & (cell - 1)), block.h - y);
        const std::uint32_t* row = weights.cell_row((block.y + y) >> log2_cell);
        for (int x = 0; x < block.w;) {
            const int columns = std::min(cell - ((block.x + x) & (cell - 1)), block.w - x);
            const std::uint32_t w = row[std::min((block.x + x) >> log2_cell, last)];
            total += sse(a + y * a_stride + x, a_stride, b + y * b_stride + x, b_stride, columns, rows) *
                     std::int64_t(w);
            x += columns;
        }
        y += rows;
    }
    return total;
}

}  // namespace

std::int64_t sse_scalar(const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                        std::ptrdiff_t b_stride, int w, int h) {
    return plain(a, a_stride, b, b_stride, w, h);
}

void force_sse_kernel(SseKernel kernel) {
    kernel_in_use() = kernel ? kernel : best_kernel();
}

std::int64_t weighted_sse(const idse::vvc::PlaneWeights& weights, const idse::vvc::Block& block,
                          const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                          std::ptrdiff_t b_stride) {
    return by_cells(weights, block, a, a_stride, b, b_stride, kernel_in_use());
}

std::int64_t weighted_sse(const idse::vvc::PlaneWeights& weights, const idse::vvc::Block& block,
                          const std::int32_t* a, std::ptrdiff_t a_stride, const std::int32_t* b,
                          std::ptrdiff_t b_stride) {
    return by_cells(weights, block, a, a_stride, b, b_stride, plain<std::int32_t>);
}

}  // namespace vtm
}  // namespace idse
