#include "plane_weights.h"

#include <algorithm>
#include <cmath>

#include "fixed_math.h"

namespace idse::vvc {

Weight plane_scale(double factor) {
    constexpr double kOne = double(1 << kWeightShift);
    return Weight{std::uint32_t(std::clamp(factor * kOne + 0.5, 1.0, kOne * kOne))};
}

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

PlaneWeights plane_weights(const ShapedWeights& shaped, int c, Weight scale) {
    const int log2_cell = c ? shaped.log2_unit - 1 : shaped.log2_unit;
    if (log2_cell >= 0) return PlaneWeights(shaped.planes[c], shaped.cols, shaped.rows, log2_cell, scale);
    // Per-sample map and subsampled chroma: the mean of the two by two luma positions.
    const int cols = (shaped.cols + 1) / 2, rows = (shaped.rows + 1) / 2;
    std::vector<double> half(size_t(cols) * rows);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < cols; x++) {
            double sum = 0;
            for (int k = 0; k < 4; k++)
                sum += shaped.planes[c][size_t(std::min(2 * y + k / 2, shaped.rows - 1)) * shaped.cols +
                                        size_t(std::min(2 * x + k % 2, shaped.cols - 1))];
            half[size_t(y) * cols + x] = sum / 4;
        }
    return PlaneWeights(half, cols, rows, 0, scale);
}

int qp_delta_of_weight(Weight mean, int limit) {
    const double w = double(mean.fx) / double(1 << kWeightShift);
    return std::clamp(int(std::lround(-3 * portable_log2(w))), -limit, limit);
}

}  // namespace idse::vvc
