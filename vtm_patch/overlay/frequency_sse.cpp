#include "frequency_sse.h"

#include <algorithm>

#include "frequency_weight.h"

namespace idse {
namespace vtm {

const std::int16_t kTileBasis[4][kTileSide][kTileSide] = {
    {{16384}},
    {{11585, 11585}, {11585, -11585}},
    {{8192, 8192, 8192, 8192},
     {10703, 4433, -4433, -10703},
     {8192, -8192, -8192, 8192},
     {4433, -10703, 10703, -4433}},
    {{5793, 5793, 5793, 5793, 5793, 5793, 5793, 5793},
     {8035, 6811, 4551, 1598, -1598, -4551, -6811, -8035},
     {7568, 3135, -3135, -7568, -7568, -3135, 3135, 7568},
     {6811, -1598, -8035, -4551, 4551, 8035, 1598, -6811},
     {5793, -5793, -5793, 5793, 5793, -5793, -5793, 5793},
     {4551, -8035, 1598, 6811, -6811, -1598, 8035, -4551},
     {3135, -7568, 7568, -3135, -3135, 7568, -7568, 3135},
     {1598, -4551, 6811, -8035, 8035, -6811, 4551, -1598}}};

namespace {

int log2_of_side(int side) {
    return side == 8 ? 3 : side == 4 ? 2 : side - 1;
}

int next_side(int left) {
    return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

TileKernel best_tile_kernel() {
    const TileKernel avx2 = tile_energy_avx2();
    return avx2 ? avx2 : tile_energy_scalar;
}

TileKernel& tile_kernel_in_use() {
    static TileKernel kernel = best_tile_kernel();
    return kernel;
}

std::int64_t tile_energy(const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                         std::ptrdiff_t b_stride, const TileWeights& weights) {
    return tile_kernel_in_use()(a, a_stride, b, b_stride, weights);
}

// The kernels take 16 bits, which errors have once they are limited.
std::int64_t tile_energy(const std::int32_t* a, std::ptrdiff_t a_stride, const std::int32_t* b,
                         std::ptrdiff_t b_stride, const TileWeights& weights) {
    std::int16_t error[kTileSide * kTileSide], none[kTileSide] = {};
    for (int y = 0; y < weights.h; y++)
        for (int x = 0; x < weights.w; x++)
            error[y * kTileSide + x] = std::int16_t(
                std::clamp(a[y * a_stride + x] - b[y * b_stride + x], -kGreatestError, kGreatestError));
    return tile_kernel_in_use()(error, kTileSide, none, 0, weights);
}

template <class Pel>
std::int64_t by_tiles(const idse::vvc::PlaneWeights& weights, const TileTables& tables,
                      const idse::vvc::Block& block, const Pel* a, std::ptrdiff_t a_stride, const Pel* b,
                      std::ptrdiff_t b_stride) {
    std::int64_t total = 0;
    for (int y = 0, h = 0; y < block.h; y += h) {
        h = next_side(block.h - y);
        for (int x = 0, w = 0; x < block.w; x += w) {
            w = next_side(block.w - x);
            total +=
                tile_energy(a + y * a_stride + x, a_stride, b + y * b_stride + x, b_stride, tables.of(w, h)) *
                std::int64_t(weights.mean({block.x + x, block.y + y, w, h}).fx);
        }
    }
    return (total + (1 << (kEnergyBits - 1))) >> kEnergyBits;
}

std::int32_t rounded(std::int32_t value, int bits) {
    return (value + (1 << (bits - 1))) >> bits;
}

}  // namespace

TileTables::TileTables(const idse::vvc::FrequencyGains& gains) {
    for (int w : {1, 2, 4, 8})
        for (int h : {1, 2, 4, 8}) {
            TileWeights& table = tables_[log2_of_side(w)][log2_of_side(h)];
            table.w = w;
            table.h = h;
            for (int u = 0; u < w; u++)
                for (int v = 0; v < h; v++) table.columns[u][v] = frequency_weight(gains, u, v, w, h);
        }
}

const TileWeights& TileTables::of(int w, int h) const {
    return tables_[log2_of_side(w)][log2_of_side(h)];
}

std::int64_t tile_energy_scalar(const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                                std::ptrdiff_t b_stride, const TileWeights& weights) {
    const int w = weights.w, h = weights.h;
    const auto& vertical = kTileBasis[log2_of_side(h)];
    const auto& horizontal = kTileBasis[log2_of_side(w)];
    std::int32_t error[kTileSide][kTileSide], middle[kTileSide][kTileSide];
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            error[y][x] =
                std::clamp(a[y * a_stride + x] - b[y * b_stride + x], -kGreatestError, kGreatestError);
    for (int v = 0; v < h; v++)
        for (int x = 0; x < w; x++) {
            std::int32_t sum = 0;
            for (int y = 0; y < h; y++) sum += vertical[v][y] * error[y][x];
            middle[v][x] = rounded(sum, kBasisBits - kMiddleBits);
        }
    std::uint64_t total = 0;
    for (int v = 0; v < h; v++)
        for (int u = 0; u < w; u++) {
            std::int32_t sum = 0;
            for (int x = 0; x < w; x++) sum += horizontal[u][x] * middle[v][x];
            const std::int64_t coefficient = rounded(sum, kBasisBits + kMiddleBits - kCoefficientBits);
            total += std::uint64_t(coefficient * coefficient) * weights.columns[u][v];
        }
    constexpr int kShift = 2 * kCoefficientBits + idse::vvc::kWeightShift - kEnergyBits;
    return std::int64_t((total + (1u << (kShift - 1))) >> kShift);
}

void force_tile_kernel(TileKernel kernel) {
    tile_kernel_in_use() = kernel ? kernel : best_tile_kernel();
}

std::int64_t frequency_sse(const idse::vvc::PlaneWeights& weights, const TileTables& tables,
                           const idse::vvc::Block& block, const std::int16_t* a, std::ptrdiff_t a_stride,
                           const std::int16_t* b, std::ptrdiff_t b_stride) {
    return by_tiles(weights, tables, block, a, a_stride, b, b_stride);
}

std::int64_t frequency_sse(const idse::vvc::PlaneWeights& weights, const TileTables& tables,
                           const idse::vvc::Block& block, const std::int32_t* a, std::ptrdiff_t a_stride,
                           const std::int32_t* b, std::ptrdiff_t b_stride) {
    return by_tiles(weights, tables, block, a, a_stride, b, b_stride);
}

}  // namespace vtm
}  // namespace idse
