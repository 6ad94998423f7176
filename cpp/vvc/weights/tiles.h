// The rank-l form of IDSE: ||F e||^2 + tau ||e||^2 per 8x8 luma tile, as a distortion that adds up over
// splits.
#pragma once

#include <vector>

#include "../picture.h"
#include "../rd_types.h"
#include "shaping.h"

namespace idse::vvc {

// Factors of a picture in fixed point. Each tile is scaled so that the mean of the diagonal of F'F + tau I is
// the tile's shaped weight: rank and direction come from the sketch, the amount of bits from the same map as
// otherwise.
class TileWeights {
  public:
    TileWeights() = default;
    // raw.tiles: ceil(height/8) x ceil(width/8) x rank x 64. Throws EncodeError.
    TileWeights(const FrameWeights& raw, const ShapedWeights& shaped, const WeightShaping& shaping, int width,
                int height);

    bool empty() const { return factors_.empty(); }

    // Distortion of a luma block, Distortion units. A block smaller than a tile is charged what it adds to
    // the part of its tile that is already coded, so that the sum over a split is the distortion of the whole
    // tile. source: the picture; block_recon: the block's samples; recon, grid: what has been coded around
    // it.
    Distortion distortion(const Block& block, const Plane& source, const Sample* block_recon,
                          std::ptrdiff_t block_stride, const Plane& recon, const BlockGrid& grid) const;

  private:
    Distortion tile_norm(int tile, const std::int32_t error[64]) const;

    int cols_ = 0;
    int rows_ = 0;
    int rank_ = 0;
    std::vector<std::int16_t> factors_;  // 2^-kFactorShift, cols x rows x rank x 64
    std::vector<std::uint32_t> ridge_;   // tau term per tile, Weight::fx
};

}  // namespace idse::vvc
