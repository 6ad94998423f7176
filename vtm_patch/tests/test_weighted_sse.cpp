#include <algorithm>
#include <cmath>
#include <random>

#include "check.h"
#include "weighted_sse.h"

using namespace idse::vtm;
using idse::vvc::Block;
using idse::vvc::PlaneWeights;

namespace {

constexpr int kStrideA = 333, kStrideB = 301, kSide = 288;

struct Weights {
    int cols, rows, log2_cell;
    std::vector<double> cells;
    double scale = 1;

    PlaneWeights plane() const {
        return {cells, cols, rows, log2_cell, idse::vvc::Weight{std::uint32_t(4096 * scale)}};
    }
    // As fixed point; beyond the map's edge its last column and row go on.
    std::int64_t at(int x, int y) const {
        const int col = std::min(x >> log2_cell, cols - 1), row = std::min(y >> log2_cell, rows - 1);
        return std::max<long long>(
            1, std::llround(cells[std::size_t(row) * std::size_t(cols) + std::size_t(col)] *
                            double(std::uint32_t(4096 * scale))));
    }
};

Weights random_weights(int width, int height, int log2_cell, std::mt19937& rng) {
    Weights w{(width + (1 << log2_cell) - 1) >> log2_cell,
              (height + (1 << log2_cell) - 1) >> log2_cell,
              log2_cell,
              {},
              1};
    w.cells.resize(std::size_t(w.cols) * std::size_t(w.rows));
    for (double& cell : w.cells) cell = std::exp2(double(rng() % 4001) / 1000 - 2);
    return w;
}

template <class Pel>
struct Samples {
    std::vector<Pel> a, b;

    // kind 0: any 10-bit samples; 1: extremes of 15 bits, all far apart; 2: extremes by chance.
    Samples(int kind, std::mt19937& rng) : a(kStrideA * kSide), b(kStrideB * kSide) {
        for (Pel& s : a) s = Pel(kind == 0 ? rng() % 1024 : kind == 1 ? 32767 : rng() % 2 * 32767);
        for (Pel& s : b) s = Pel(kind == 0 ? rng() % 1024 : kind == 1 ? 0 : rng() % 2 * 32767);
    }
};

template <class Pel>
void compare(const Weights& weights, const Samples<Pel>& s, const Block& block) {
    // Both blocks lie at odd addresses of their own.
    const Pel* a = s.a.data() + 3 * kStrideA + 5;
    const Pel* b = s.b.data() + 2 * kStrideB + 1;
    std::int64_t expected = 0;
    double about = 0;
    for (int y = 0; y < block.h; y++)
        for (int x = 0; x < block.w; x++) {
            const std::int64_t e = std::int64_t(a[y * kStrideA + x]) - b[y * kStrideB + x];
            expected += e * e * weights.at(block.x + x, block.y + y);
            about += double(e) * double(e) * double(weights.at(block.x + x, block.y + y));
        }
    const PlaneWeights plane = weights.plane();
    force_sse_kernel(sse_scalar);
    const std::int64_t scalar = weighted_sse(plane, block, a, kStrideA, b, kStrideB);
    force_sse_kernel(nullptr);
    const std::int64_t best = weighted_sse(plane, block, a, kStrideA, b, kStrideB);
    CHECK_EQ(scalar, expected);
    CHECK_EQ(best, expected);
    CHECK(std::abs(double(best) - about) <= 1e-9 * about);
}

template <class Pel>
void compare_sizes(int seed) {
    std::mt19937 rng{unsigned(seed)};
    for (int kind = 0; kind < 3; kind++) {
        const Samples<Pel> samples(kind, rng);
        for (int log2_cell = 0; log2_cell <= 7; log2_cell++) {
            const Weights weights = random_weights(200, 152, log2_cell, rng);
            for (int w : {1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 24, 31, 33, 64, 100, 128})
                for (int h : {1, 2, 4, 5, 8, 16, 33, 64, 128}) {
                    if (w * h > 2048 && rng() % 4) continue;
                    compare(weights, samples, {int(rng() % 200), int(rng() % 152), w, h});
                }
            compare(weights, samples, {0, 0, 128, 128});
            compare(weights, samples, {72, 24, 128, 128});   // up to both edges
            compare(weights, samples, {199, 151, 64, 128});  // all but a sample is beyond
            compare(weights, samples, {130, 3, 61, 7});
        }
    }
}

}  // namespace

TEST(weighted_sse_of_int16_is_the_sum_over_samples) {
    compare_sizes<std::int16_t>(1);
}

TEST(weighted_sse_of_int32_is_the_sum_over_samples) {
    compare_sizes<std::int32_t>(2);
}

TEST(avx2_is_there_where_the_processor_has_it) {
#if defined(__GNUC__) && defined(__x86_64__)
    CHECK((sse_avx2() != nullptr) == (__builtin_cpu_supports("avx2") != 0));
#else
    CHECK(sse_avx2() == nullptr);
#endif
}

TEST(avx2_and_scalar_kernels_agree) {
    const SseKernel avx2 = sse_avx2();
    if (!avx2) return;
    std::mt19937 rng(3);
    for (int kind = 0; kind < 3; kind++) {
        const Samples<std::int16_t> s(kind, rng);
        for (int w = 1; w <= 128; w++)
            for (int h : {1, 3, 128}) {
                const std::int16_t *a = s.a.data() + rng() % 64, *b = s.b.data() + rng() % 64;
                CHECK_EQ(avx2(a, kStrideA, b, kStrideB, w, h), sse_scalar(a, kStrideA, b, kStrideB, w, h));
            }
    }
}

TEST(int32_samples_may_have_more_bits) {
    const std::int32_t a[2] = {65535, 0}, b[2] = {0, 65535};
    const PlaneWeights unit = PlaneWeights::uniform(idse::vvc::Weight{4096});
    CHECK_EQ(weighted_sse(unit, {0, 0, 2, 1}, a, 2, b, 2), std::int64_t(65535) * 65535 * 2 * 4096);
}

TEST(uniform_weights_are_one_factor) {
    std::mt19937 rng(4);
    const Samples<std::int16_t> samples(0, rng);
    Weights ones = random_weights(64, 64, 3, rng);
    std::fill(ones.cells.begin(), ones.cells.end(), 1.0);
    ones.scale = 1.7;
    CHECK(ones.plane().is_uniform());
    compare(ones, samples, {3, 5, 61, 40});
}
