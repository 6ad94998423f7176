// Squared error weighted over place and frequency, over samples as VTM has them (Pel).
#pragma once

#include <cstddef>
#include <cstdint>

#include "tile_kernel.h"
#include "vvc/weights/frequency_gains.h"
#include "vvc/weights/plane_weights.h"

namespace idse {
namespace vtm {

// The weights of tiles of all sizes of one plane.
class TileTables {
  public:
    TileTables() = default;
    explicit TileTables(const idse::vvc::FrequencyGains& gains);
    // Sides: 1, 2, 4 or 8.
    const TileWeights& of(int w, int h) const;

  private:
    TileWeights tables_[4][4];
};

// sum over the block's tiles of w(tile) * sum of h(k) * DCT(a - b)_k^2, as fixed point in units of 2^-12; a
// and b point to the block's first sample. The tiles start at the block's corner and are of 8x8 samples; what
// is left of a side has tiles of 4, 2 and 1. w(tile) is the mean over the tile. Samples of at most 15 bits;
// errors count at most kGreatestError. Exact integers: the same with and without AVX2.
std::int64_t frequency_sse(const idse::vvc::PlaneWeights& weights, const TileTables& tables,
                           const idse::vvc::Block& block, const std::int16_t* a, std::ptrdiff_t a_stride,
                           const std::int16_t* b, std::ptrdiff_t b_stride);
// For builds of VTM whose Pel is int (RExt__HIGH_BIT_DEPTH_SUPPORT).
std::int64_t frequency_sse(const idse::vvc::PlaneWeights& weights, const TileTables& tables,
                           const idse::vvc::Block& block, const std::int32_t* a, std::ptrdiff_t a_stride,
                           const std::int32_t* b, std::ptrdiff_t b_stride);

// For tests: which kernel frequency_sse() uses; null brings the best one back.
void force_tile_kernel(TileKernel kernel);

}  // namespace vtm
}  // namespace idse
