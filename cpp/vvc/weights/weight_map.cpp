#include "weight_map.h"

#include <algorithm>
#include <cmath>

#include "../simd/kernels.h"

namespace idse::vvc {

PlaneWeights PlaneWeights::uniform(Weight scale) {
    PlaneWeights w;
    w.uniform_ = scale;
    return w;
}

PlaneWeights::PlaneWeights(const std::vector<double>& shaped, int cols, int rows, int log2_cell, Weight scale)
    : uniform_(scale), cols_(cols), rows_(rows), log2_cell_(log2_cell) {
    if (std::all_of(shaped.begin(), shaped.end(), [](double w) { return w == 1.0; }))
        return;  // as without weights
    cells_.resize(shaped.size());
    for (size_t i = 0; i < shaped.size(); i++)
        cells_[i] = std::uint32_t(std::max<long long>(1, std::llround(shaped[i] * scale.fx)));
    sums_.assign(size_t(cols + 1) * (rows + 1), 0);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < cols; x++)
            sums_[size_t(y + 1) * (cols + 1) + x + 1] =
                cells_[size_t(y) * cols + x] + sums_[size_t(y) * (cols + 1) + x + 1] +
                sums_[size_t(y + 1) * (cols + 1) + x] - sums_[size_t(y) * (cols + 1) + x];
}

Weight PlaneWeights::mean(const Block& block) const {
    if (cells_.empty()) return uniform_;
    // Padding beyond the map repeats its last column and row.
    const int x0 = std::min(block.x >> log2_cell_, cols_ - 1);
    const int y0 = std::min(block.y >> log2_cell_, rows_ - 1);
    const int x1 = std::min((block.x + block.w - 1) >> log2_cell_, cols_ - 1) + 1;
    const int y1 = std::min((block.y + block.h - 1) >> log2_cell_, rows_ - 1) + 1;
    const size_t pitch = size_t(cols_) + 1;
    const std::uint64_t sum =
        sums_[y1 * pitch + x1] - sums_[y0 * pitch + x1] - sums_[y1 * pitch + x0] + sums_[y0 * pitch + x0];
    const std::uint64_t area = std::uint64_t(x1 - x0) * (y1 - y0);
    return Weight{std::uint32_t((sum + area / 2) / area)};
}

Distortion PlaneWeights::sse(const Block& block, const Sample* a, std::ptrdiff_t a_stride, const Sample* b,
                             std::ptrdiff_t b_stride) const {
    if (cells_.empty())
        return plain_sse(a, a_stride, b, b_stride, block.w, block.h) * Distortion(uniform_.fx);
    const int cell = 1 << log2_cell_;
    Distortion total = 0;
    for (int y = 0; y < block.h;) {
        const int rows = std::min(cell - ((block.y + y) & (cell - 1)), block.h - y);
        const std::uint32_t* weights =
            &cells_[size_t(std::min((block.y + y) >> log2_cell_, rows_ - 1)) * cols_];
        for (int x = 0; x < block.w;) {
            const int columns = std::min(cell - ((block.x + x) & (cell - 1)), block.w - x);
            const std::uint32_t w = weights[std::min((block.x + x) >> log2_cell_, cols_ - 1)];
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
    return kernels().sse(a, a_stride, b, b_stride, w, h);
}

}  // namespace idse::vvc
