// The kernel under the squared error that is weighted over frequency. Nothing but declarations: what is
// compiled with AVX2 must not emit functions that the linker could take for other files.
#pragma once

#include <cstddef>
#include <cstdint>

namespace idse {
namespace vtm {

constexpr int kTileSide = 8;

// Weights of the coefficients of a tile of w x h samples, each side 1, 2, 4 or 8: column by column of
// horizontal frequency, as fixed point in units of 2^-12, at most 2^16; zero beyond the tile.
struct TileWeights {
    int w = 0;
    int h = 0;
    std::uint32_t columns[kTileSide][kTileSide] = {};
};

// Fractional bits: of the basis, of what the first of the two transforms keeps, of coefficients (so that the
// square of one is below 2^32), and of the sum that a kernel returns.
constexpr int kBasisBits = 14;
constexpr int kMiddleBits = 1;
constexpr int kCoefficientBits = 2;
constexpr int kEnergyBits = 4;
// Errors count at most this much: more than samples of 10 bits can have.
constexpr int kGreatestError = 2047;

// The orthonormal DCT-II of 1, 2, 4 and 8 samples, rows of frequency, in units of 2^-14.
extern const std::int16_t kTileBasis[4][kTileSide][kTileSide];

// sum of weight * coefficient^2 of the DCT-II of (a - b), in units of 2^-kEnergyBits. Samples of at most 15
// bits.
using TileKernel = std::int64_t (*)(const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                                    std::ptrdiff_t b_stride, const TileWeights& weights);
std::int64_t tile_energy_scalar(const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                                std::ptrdiff_t b_stride, const TileWeights& weights);
// The same to the last bit. Null where this build or this processor has no AVX2.
TileKernel tile_energy_avx2();

}  // namespace vtm
}  // namespace idse
