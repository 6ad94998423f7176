// Weights as the search sees them: fixed point, per cell, with block means from a summed-area table.
//
// Contract: a weight above 1 means "worth more bits". Distortion of a block is sum w * e^2 (Distortion
// units), the lambda inside a transform block is lambda / mean(w), the QP of a 64x64 luma block is QP - 3
// log2(mean w). Chroma weights are already multiplied by the factor that ties chroma distortion to the luma
// lambda, 2^((QpY - QpC) / 3).
#pragma once

#include <vector>

#include "../picture.h"
#include "../rd_types.h"
#include "shaping.h"

namespace idse::vvc {

// Weights of one plane on square cells of 2^log2_cell samples of that plane.
class PlaneWeights {
  public:
    // Every sample weighs `scale`.
    static PlaneWeights uniform(Weight scale);
    // shaped: cells in row-major order.
    PlaneWeights(const std::vector<double>& shaped, int cols, int rows, int log2_cell, Weight scale);
    PlaneWeights() = default;

    bool is_uniform() const { return cells_.empty(); }
    // Mean weight of the cells that a block of this plane touches.
    Weight mean(const Block& block) const;
    // sum w * (a - b)^2 over a block of this plane; a and b point to its first sample.
    Distortion sse(const Block& block, const Sample* a, std::ptrdiff_t a_stride, const Sample* b,
                   std::ptrdiff_t b_stride) const;

  private:
    Weight uniform_ = kUnitWeight;
    int cols_ = 0;
    int rows_ = 0;
    int log2_cell_ = 0;
    std::vector<std::uint32_t> cells_;  // Weight::fx, cols_ x rows_
    std::vector<std::uint64_t> sums_;   // summed-area table, (cols_ + 1) x (rows_ + 1)
};

// sum (a - b)^2 over w x h samples.
std::int64_t plain_sse(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride,
                       int w, int h);

}  // namespace idse::vvc
