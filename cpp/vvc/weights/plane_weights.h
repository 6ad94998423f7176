// Weights of one plane: fixed point, per cell, with block means from a summed-area table.
//
// Contract: a weight above 1 means "worth more bits". Distortion of a block is sum w * e^2 (Distortion
// units), the lambda inside a transform block is lambda / mean(w), the QP of a 64x64 luma block is QP - 3
// log2(mean w).
#pragma once

#include <vector>

#include "../rd_types.h"
#include "../types.h"
#include "shaping.h"

namespace idse::vvc {

// A factor of a whole plane as fixed point, within 2^-12 .. 2^12: what lies beyond (of a map whose chroma
// planes have lost all measure) could overflow costs, or be divided by as zero.
Weight plane_scale(double factor);

// Weights of one plane on square cells of 2^log2_cell samples of that plane.
class PlaneWeights {
  public:
    // Every sample weighs `scale`.
    static PlaneWeights uniform(Weight scale);
    // shaped: cells in row-major order.
    PlaneWeights(const std::vector<double>& shaped, int cols, int rows, int log2_cell, Weight scale);
    PlaneWeights() = default;

    bool is_uniform() const { return cells_.empty(); }
    int log2_cell() const { return log2_cell_; }
    // Weight of all samples of a uniform plane.
    Weight uniform_weight() const { return uniform_; }
    // Weights of the cells of a row of cells, Weight::fx; a row beyond the map is its last one. Not for a
    // uniform plane.
    const std::uint32_t* cell_row(int row) const {
        return &cells_[size_t(row < rows_ ? row : rows_ - 1) * size_t(cols_)];
    }
    int cols() const { return cols_; }
    // Mean weight of the cells that a block of this plane touches.
    Weight mean(const Block& block) const;

  private:
    Weight uniform_ = kUnitWeight;
    int cols_ = 0;
    int rows_ = 0;
    int log2_cell_ = 0;
    std::vector<std::uint32_t> cells_;  // Weight::fx, cols_ x rows_
    std::vector<std::uint64_t> sums_;   // summed-area table, (cols_ + 1) x (rows_ + 1)
};

// Shaped weights of component c on cells of its own plane (the map's cells are counted in luma samples),
// times `scale`.
PlaneWeights plane_weights(const ShapedWeights& shaped, int c, Weight scale);

// The QP delta of a block with mean luma weight `mean`: -3 log2(mean), rounded, clipped to +-limit.
int qp_delta_of_weight(Weight mean, int limit);

}  // namespace idse::vvc
