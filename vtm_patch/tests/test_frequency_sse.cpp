#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "frequency_sse.h"
#include "frequency_weight.h"
#include "weighted_sse.h"

using namespace idse::vtm;
using idse::vvc::Block;
using idse::vvc::FrequencyGains;
using idse::vvc::PlaneWeights;

namespace {

constexpr int kStrideA = 141, kStrideB = 137, kSide = 136;
constexpr double kPi = 3.14159265358979323846;

FrequencyGains random_gains(std::mt19937& rng) {
    std::vector<float> raw(64);
    for (float& p : raw) p = float(std::exp(double(rng() % 1000) / 100 - 8));
    idse::vvc::WeightShaping shaping;
    shaping.gamma = 1;
    shaping.profile_floor = 1.0 / 4096;
    return {raw.data(), shaping, "luma"};
}

PlaneWeights random_weights(int log2_cell, std::mt19937& rng) {
    const int cols = (kSide >> log2_cell) + 1;
    std::vector<double> cells(std::size_t(cols) * std::size_t(cols));
    for (double& cell : cells) cell = std::exp2(double(rng() % 4001) / 1000 - 2);
    return {cells, cols, cols, log2_cell, idse::vvc::Weight{4096}};
}

template <class Pel>
struct Samples {
    std::vector<Pel> a, b;

    // kind 0: 10-bit samples; 1: small errors; 2: extremes of 15 bits; 3: no error.
    Samples(int kind, std::mt19937& rng) : a(kStrideA * kSide), b(kStrideB * kSide) {
        for (Pel& s : a) s = Pel(kind == 2 ? rng() % 2 * 32767 : rng() % 1024);
        for (int y = 0; y < kSide; y++)
            for (int x = 0; x < kStrideB; x++) {
                const int same = a[std::size_t(y * kStrideA + x)];
                b[std::size_t(y * kStrideB + x)] = Pel(kind == 0   ? rng() % 1024
                                                       : kind == 1 ? same + int(rng() % 7) - 3
                                                       : kind == 2 ? rng() % 2 * 32767
                                                                   : same);
            }
    }
};

int side_of(int left) {
    return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

double basis(int k, int i, int n) {
    return std::sqrt((k ? 2.0 : 1.0) / n) * std::cos(kPi * (2 * i + 1) * k / (2 * n));
}

// In floating point, tile by tile, with the weights as fixed point.
template <class Pel>
double expected(const PlaneWeights& weights, const FrequencyGains& gains, const Block& block, const Pel* a,
                const Pel* b) {
    double total = 0;
    for (int y0 = 0, h = 0; y0 < block.h; y0 += h) {
        h = side_of(block.h - y0);
        for (int x0 = 0, w = 0; x0 < block.w; x0 += w) {
            w = side_of(block.w - x0);
            double energy = 0;
            for (int v = 0; v < h; v++)
                for (int u = 0; u < w; u++) {
                    double f = 0;
                    for (int y = 0; y < h; y++)
                        for (int x = 0; x < w; x++) {
                            const int e = a[(y0 + y) * kStrideA + x0 + x] - b[(y0 + y) * kStrideB + x0 + x];
                            f += std::clamp(e, -2047, 2047) * basis(v, y, h) * basis(u, x, w);
                        }
                    energy += f * f * frequency_weight(gains, u, v, w, h) / 4096;
                }
            total += energy * weights.mean({block.x + x0, block.y + y0, w, h}).fx;
        }
    }
    return total;
}

const Block kBlocks[] = {{0, 0, 8, 8}, {4, 4, 8, 8},   {8, 16, 4, 8},   {8, 0, 8, 4},     {12, 4, 4, 4},
                         {0, 0, 2, 8}, {6, 0, 8, 2},   {2, 2, 1, 16},   {0, 5, 16, 1},    {0, 0, 2, 2},
                         {3, 1, 1, 1}, {5, 7, 13, 11}, {16, 0, 64, 32}, {0, 32, 128, 64}, {64, 64, 12, 28}};

}  // namespace

TEST(frequency_sse_is_the_weighted_sum_over_coefficients) {
    std::mt19937 rng(1);
    for (int kind = 0; kind < 4; kind++) {
        const Samples<std::int16_t> s(kind, rng);
        const FrequencyGains gains = random_gains(rng);
        const TileTables tables(gains);
        for (int log2_cell = 0; log2_cell <= 6; log2_cell += 3) {
            const PlaneWeights weights = random_weights(log2_cell, rng);
            for (const Block& block : kBlocks) {
                const double about = expected(weights, gains, block, s.a.data(), s.b.data());
                const double got =
                    double(frequency_sse(weights, tables, block, s.a.data(), kStrideA, s.b.data(), kStrideB));
                // Coefficients are rounded to quarters, and their rows to halves before.
                const double greatest = 16.0 * 4 * 4096;
                const double noise = std::sqrt(about * greatest * block.w * block.h) * 0.02 +
                                     greatest * block.w * block.h * 0.04;
                CHECK(std::abs(got - about) <= 1e-3 * about + (kind == 3 ? 0 : noise));
            }
        }
    }
}

TEST(avx2_and_scalar_tile_kernels_agree) {
    const TileKernel avx2 = tile_energy_avx2();
    if (!avx2) return;
    std::mt19937 rng(2);
    for (int round = 0; round < 40; round++) {
        const Samples<std::int16_t> s(round % 4, rng);
        const TileTables tables(random_gains(rng));
        for (int w : {1, 2, 4, 8})
            for (int h : {1, 2, 4, 8})
                for (int i = 0; i < 20; i++) {
                    const std::int16_t* a = s.a.data() + rng() % 4000;
                    const std::int16_t* b = s.b.data() + rng() % 4000;
                    CHECK_EQ(avx2(a, kStrideA, b, kStrideB, tables.of(w, h)),
                             tile_energy_scalar(a, kStrideA, b, kStrideB, tables.of(w, h)));
                }
    }
    // The greatest of everything: every sign pattern of a basis function, at the greatest weight.
    TileWeights most;
    most.w = most.h = 8;
    for (auto& column : most.columns) std::fill(std::begin(column), std::end(column), 1u << 16);
    for (int v = 0; v < 8; v++)
        for (int u = 0; u < 8; u++) {
            std::int16_t a[64], b[64] = {};
            for (int i = 0; i < 64; i++) a[i] = basis(v, i / 8, 8) * basis(u, i % 8, 8) > 0 ? 32767 : -32767;
            const std::int64_t scalar = tile_energy_scalar(a, 8, b, 8, most);
            CHECK_EQ(avx2(a, 8, b, 8, most), scalar);
            const double sum = 64.0 * 2047 * 2047 * 16 * 16;
            CHECK(std::abs(double(scalar) / sum - 1) < 1e-3);
        }
}

TEST(the_kernel_in_use_can_be_forced) {
    std::mt19937 rng(3);
    const Samples<std::int16_t> s(0, rng);
    const TileTables tables(random_gains(rng));
    const PlaneWeights weights = random_weights(3, rng);
    for (const Block& block : kBlocks) {
        force_tile_kernel(tile_energy_scalar);
        const std::int64_t scalar =
            frequency_sse(weights, tables, block, s.a.data(), kStrideA, s.b.data(), kStrideB);
        force_tile_kernel(nullptr);
        CHECK_EQ(frequency_sse(weights, tables, block, s.a.data(), kStrideA, s.b.data(), kStrideB), scalar);
    }
}

TEST(int32_samples_give_the_same) {
    std::mt19937 rng(4);
    for (int kind = 0; kind < 4; kind++) {
        const Samples<std::int16_t> s(kind, rng);
        const std::vector<std::int32_t> a(s.a.begin(), s.a.end()), b(s.b.begin(), s.b.end());
        const TileTables tables(random_gains(rng));
        const PlaneWeights weights = random_weights(2, rng);
        for (const Block& block : kBlocks)
            CHECK_EQ(frequency_sse(weights, tables, block, a.data(), kStrideA, b.data(), kStrideB),
                     frequency_sse(weights, tables, block, s.a.data(), kStrideA, s.b.data(), kStrideB));
    }
}

TEST(weights_of_one_give_squared_error) {
    std::mt19937 rng(5);
    const Samples<std::int16_t> s(0, rng);
    const TileTables tables{FrequencyGains()};
    const PlaneWeights weights = random_weights(3, rng);  // cells as large as the tiles
    for (const Block& block : {Block{0, 0, 8, 8}, Block{16, 8, 32, 64}, Block{8, 8, 4, 8}}) {
        const double plain = double(weighted_sse(weights, block, s.a.data(), kStrideA, s.b.data(), kStrideB));
        const double got =
            double(frequency_sse(weights, tables, block, s.a.data(), kStrideA, s.b.data(), kStrideB));
        CHECK(std::abs(got / plain - 1) < 5e-4);
    }
}
