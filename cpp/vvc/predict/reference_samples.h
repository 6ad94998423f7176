// The samples around a block from which it is predicted (clauses 8.4.5.2.8 to 8.4.5.2.10).
#pragma once

#include <array>
#include <cstdint>

#include "../picture.h"
#include "../types.h"

namespace idse::vvc {

// Samples inside the prediction loops are signed 16-bit words: products of two of them vectorise well.
using RefSample = std::int16_t;

// Where a block sits in its picture and what may be used around it.
struct PredictionContext {
    const Picture* recon = nullptr;        // reconstruction so far, before the loop filter
    const BlockGrid* grid = nullptr;       // which luma cells of this block's tree are coded
    const BlockGrid* luma_grid = nullptr;  // the luma tree's cells (same as grid in a single tree)
    int ctu_size = 128;                    // luma samples
    bool wpp = false;                      // above-right CTU not available
};

// Number of samples of a component per cell of the block grid, per direction.
inline constexpr int cell_size(Component component) {
    return is_luma(component) ? kUnit : kUnit / 2;
}

// Answers "may the sample at (x, y) be used to predict this block", in samples of the component's plane.
class Availability {
  public:
    Availability(const PredictionContext& context, Component component, const Block& block);

    bool operator()(int x, int y) const {
        if (x < 0 || y < 0) return false;
        const int luma_x = x << shift_;
        const int luma_y = y << shift_;
        return luma_y < y_limit_ && grid_->available(luma_x, luma_y, x_limit_);
    }

  private:
    const BlockGrid* grid_;
    int shift_;    // log2 of SubWidthC == SubHeightC, or 0 for luma
    int x_limit_;  // first luma column that may not be used
    int y_limit_;  // first luma row that may not be used: with WPP threads the CTU row below may be under way
};

// One line of samples above and one to the left. Index 0 of both is the corner p[-1][-1];
// top[1 + x] = p[x][-1] for x < 2w, left[1 + y] = p[-1][y] for y < 2h; kPad copies of the last one follow
// (some for kernels that read more than they use).
struct ReferenceSamples {
    static constexpr int kPad = 12;
    static constexpr int kSize = 1 + 2 * kMaxTbSize + kPad;
    std::array<RefSample, kSize> top;
    std::array<RefSample, kSize> left;
};

// Reads what is available and substitutes what is not.
void gather_reference_samples(const PredictionContext& context, Component component, const Block& block,
                              ReferenceSamples& out);

// The [1 2 1] / 4 smoothing of the lines of a w x h block.
void smooth_reference_samples(const ReferenceSamples& in, int w, int h, ReferenceSamples& out);

}  // namespace idse::vvc
