#include "tiles.h"

#include <algorithm>
#include <cmath>

#include "../encode_error.h"

namespace idse::vvc {

namespace {
constexpr int kTile = 8;
constexpr int kFactorShift = 9;  // |F| < 64 in 16 bits; F e of 64 terms of 11 bits stays below 2^32
}  // namespace

TileWeights::TileWeights(const FrameWeights& raw, const ShapedWeights& shaped, const WeightShaping& shaping,
                         int width, int height)
    : cols_((width + kTile - 1) / kTile), rows_((height + kTile - 1) / kTile), rank_(raw.tile_rank) {
    if (rank_ < 1 || rank_ > 64) throw EncodeError("the tile rank must be 1 to 64");
    if (shaping.is_plain()) return;  // plain SSE
    const size_t tiles = size_t(cols_) * rows_;
    const size_t tile_size = size_t(rank_) * 64;
    factors_.resize(tiles * tile_size);
    ridge_.resize(tiles);
    const double ridge = shaping.tau * shaped.luma_mean;
    for (size_t t = 0; t < tiles; t++) {
        const float* f = raw.tiles + t * tile_size;
        double trace = 0;
        for (size_t i = 0; i < tile_size; i++) {
            if (!std::isfinite(f[i])) throw EncodeError("the tile factors hold a value that is not finite");
            trace += double(f[i]) * f[i];
        }
        const int x = int(t % size_t(cols_)) * kTile;
        const int y = int(t / size_t(cols_)) * kTile;
        // Shaped weight of the tile: mean over the cells it touches.
        const int x1 = std::min((x + kTile - 1) >> shaped.log2_unit, shaped.cols - 1);
        const int y1 = std::min((y + kTile - 1) >> shaped.log2_unit, shaped.rows - 1);
        double weight = 0;
        int cells = 0;
        for (int cy = y >> shaped.log2_unit; cy <= y1; cy++)
            for (int cx = x >> shaped.log2_unit; cx <= x1; cx++, cells++)
                weight += shaped.planes[0][size_t(cy) * shaped.cols + cx];
        weight /= cells;
        const double mean_diagonal = trace / 64 + ridge;
        const double gain = mean_diagonal > 0 ? weight / mean_diagonal : 0;
        ridge_[t] =
            std::uint32_t(std::llround((mean_diagonal > 0 ? gain * ridge : weight) * (1 << kWeightShift)));
        const double scale = std::sqrt(gain) * (1 << kFactorShift);
        for (size_t i = 0; i < tile_size; i++)
            factors_[t * tile_size + i] =
                std::int16_t(std::clamp<long long>(std::llround(f[i] * scale), -32767, 32767));
    }
}

Distortion TileWeights::tile_norm(int tile, const std::int32_t error[64]) const {
    std::int64_t energy = 0;
    for (int i = 0; i < 64; i++) energy += error[i] * error[i];
    std::int64_t total = 0;
    const std::int16_t* f = &factors_[size_t(tile) * rank_ * 64];
    for (int r = 0; r < rank_; r++, f += 64) {
        std::int64_t dot = 0;
        for (int i = 0; i < 64; i++) dot += std::int64_t(std::int32_t(f[i]) * error[i]);
        dot >>= 3;  // keeps the square of the largest product within 63 bits
        total += dot * dot;
    }
    constexpr int shift = 2 * (kFactorShift - 3) - kWeightShift;
    static_assert(shift == 0, "the squared dot product is in Distortion units");
    return total + energy * Distortion(ridge_[size_t(tile)]);
}

Distortion TileWeights::distortion(const Block& block, const Plane& source, const Sample* block_recon,
                                   std::ptrdiff_t block_stride, const Plane& recon,
                                   const BlockGrid& grid) const {
    Distortion total = 0;
    for (int ty = block.y & ~(kTile - 1); ty < block.y + block.h; ty += kTile) {
        for (int tx = block.x & ~(kTile - 1); tx < block.x + block.w; tx += kTile) {
            const int tile = std::min(ty / kTile, rows_ - 1) * cols_ + std::min(tx / kTile, cols_ - 1);
            std::int32_t before[64] = {};
            std::int32_t after[64];
            bool partial = false;
            for (int y = 0; y < kTile; y++)
                for (int x = 0; x < kTile; x++) {
                    const int px = tx + x, py = ty + y;
                    const bool inside =
                        px >= block.x && px < block.x + block.w && py >= block.y && py < block.y + block.h;
                    std::int32_t e = 0;
                    if (inside) {
                        e = std::int32_t(*source.at(px, py)) -
                            block_recon[(py - block.y) * block_stride + px - block.x];
                    } else {
                        partial = true;
                        if (grid.at(px, py).coded()) e = std::int32_t(*source.at(px, py)) - *recon.at(px, py);
                        before[y * kTile + x] = e;
                    }
                    after[y * kTile + x] = e;
                }
            total += tile_norm(tile, after);
            if (partial) total -= tile_norm(tile, before);
        }
    }
    return total;
}

}  // namespace idse::vvc
