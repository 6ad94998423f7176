#include <cmath>
#include <limits>
#include <random>

#include "check.h"
#include "vvc/encode_error.h"
#include "vvc/search/rate_control.h"
#include "vvc/simd/kernels.h"
#include "vvc/weights/fixed_math.h"
#include "vvc/weights/shaping.h"
#include "vvc/weights/tiles.h"
#include "vvc/weights/weighted_sse.h"

using namespace idse::vvc;

namespace {

std::vector<float> random_map(int count, unsigned seed) {
    std::mt19937 rng(seed);
    std::vector<float> map(static_cast<size_t>(count));
    for (float& w : map) w = float(std::exp(double(rng() % 1000) / 250.0));
    return map;
}

bool throws(const FrameWeights& raw, const WeightShaping& shaping = {}) {
    try {
        shape_weights(raw, 16, 16, ChromaFormat::k400, shaping);
    } catch (const EncodeError&) {
        return true;
    }
    return false;
}

}  // namespace

TEST(portable_log2_and_exp2_agree_with_the_library) {
    for (double x = 1e-6; x < 1e6; x *= 1.37) {
        CHECK(std::abs(portable_log2(x) - std::log2(x)) < 1e-11);
        CHECK(std::abs(portable_exp2(std::log2(x)) / x - 1) < 1e-11);
    }
}

TEST(shaped_weights_have_geometric_mean_one_and_keep_to_the_clip) {
    const auto map = random_map(12 * 9, 1);
    FrameWeights raw;
    raw.planes[0] = map.data();
    WeightShaping shaping;
    shaping.clip_qp = 4;
    const ShapedWeights shaped = shape_weights(raw, 96, 72, ChromaFormat::k420, shaping);
    double log_sum = 0;
    for (double w : shaped.planes[0]) {
        log_sum += std::log2(w);
        CHECK(std::abs(3 * std::log2(w)) <= 4 + 1e-9);
    }
    CHECK(std::abs(log_sum / double(shaped.planes[0].size())) < 0.02);
    CHECK_EQ(shaped.planes[1].size(), shaped.planes[0].size());
    CHECK(shaped.chroma_gain[0] == 1.0);
}

TEST(plain_settings_and_uniform_maps_give_exact_ones) {
    const auto map = random_map(16, 2);
    FrameWeights raw;
    raw.planes[0] = map.data();
    WeightShaping plain;
    plain.exponent = 0;
    WeightShaping infinite;
    infinite.tau = std::numeric_limits<double>::infinity();
    for (const auto& shaping : {plain, infinite})
        for (double w : shape_weights(raw, 32, 32, ChromaFormat::k400, shaping).planes[0]) CHECK(w == 1.0);
    const std::vector<float> uniform(16, 0.37f);
    raw.planes[0] = uniform.data();
    for (double w : shape_weights(raw, 32, 32, ChromaFormat::k400, {}).planes[0]) CHECK(w == 1.0);
}

TEST(chroma_keeps_its_ratio_to_luma) {
    const auto luma = random_map(16, 3);
    std::vector<float> cb(luma), cr(luma);
    for (float& w : cb) w *= 4;
    for (float& w : cr) w *= 16;
    FrameWeights raw;
    raw.planes[0] = luma.data();
    raw.planes[1] = cb.data();
    raw.planes[2] = cr.data();
    WeightShaping shaping;
    shaping.tau = 0;
    shaping.exponent = 0.5;
    const ShapedWeights shaped = shape_weights(raw, 32, 32, ChromaFormat::k420, shaping);
    CHECK(std::abs(shaped.chroma_gain[0] - 2) < 1e-6);
    CHECK_EQ(qp_offset_of_gain(shaped.chroma_gain[0]), -3);
    CHECK_EQ(qp_offset_of_gain(shaped.chroma_gain[1]), -6);
}

TEST(bad_weights_are_refused) {
    std::vector<float> map(4, 1.0f);
    FrameWeights raw;
    raw.planes[0] = map.data();
    CHECK(!throws(raw));
    for (float bad :
         {-1.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        map[2] = bad;
        CHECK(throws(raw));
    }
    map.assign(4, 0.0f);
    CHECK(throws(raw));
    map.assign(4, 1.0f);
    WeightShaping shaping;
    shaping.tau = -1;
    CHECK(throws(raw, shaping));
}

TEST(weighted_sse_and_means_agree_with_the_sum_over_samples) {
    std::mt19937 rng(5);
    const int w = 64, h = 48;
    std::vector<Sample> a(w * h), b(w * h);
    for (auto& s : a) s = Sample(rng() & 1023);
    for (auto& s : b) s = Sample(rng() & 1023);
    for (int log2_cell = 0; log2_cell <= 4; log2_cell++) {
        const int cols = (w + (1 << log2_cell) - 1) >> log2_cell,
                  rows = (h + (1 << log2_cell) - 1) >> log2_cell;
        std::vector<double> shaped(size_t(cols) * rows);
        for (double& x : shaped) x = double(rng() % 4096 + 64) / 1024;
        const PlaneWeights weights(shaped, cols, rows, log2_cell, kUnitWeight);
        Distortion whole = 0, parts = 0;
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                const std::int64_t e = std::int64_t(a[size_t(y) * w + x]) - b[size_t(y) * w + x];
                whole +=
                    e * e *
                    std::llround(shaped[size_t(y >> log2_cell) * cols + (x >> log2_cell)] * kUnitWeight.fx);
            }
        for (int y = 0; y < h; y += 4)
            for (int x = 0; x < w; x += 4)
                parts +=
                    weighted_sse(weights, {x, y, 4, 4}, &a[size_t(y) * w + x], w, &b[size_t(y) * w + x], w);
        CHECK_EQ(weighted_sse(weights, {0, 0, w, h}, a.data(), w, b.data(), w), whole);
        CHECK_EQ(parts, whole);
        double mean = 0;
        for (double x : shaped) mean += x;
        CHECK(std::abs(double(weights.mean({0, 0, w, h}).fx) / kUnitWeight.fx -
                       mean / double(shaped.size())) < 1e-3);
    }
}

TEST(shaping_out_of_range_is_refused) {
    const double nan = std::numeric_limits<double>::quiet_NaN(),
                 inf = std::numeric_limits<double>::infinity();
    const std::vector<float> map(4, 1.0f);
    FrameWeights raw;
    raw.planes[0] = map.data();
    const auto refused = [&](double tau, double exponent, double clip_qp) {
        WeightShaping shaping;
        shaping.tau = tau;
        shaping.exponent = exponent;
        shaping.clip_qp = clip_qp;
        return throws(raw, shaping);
    };
    for (double tau : {0.0, 5e-324, 1e6, 1e308, inf}) CHECK(!refused(tau, 0.5, 6));
    for (double tau : {-5e-324, -inf, nan}) CHECK(refused(tau, 0.5, 6));
    for (double exponent : {0.0, 5e-324, 10.0}) CHECK(!refused(0.2, exponent, 6));
    for (double exponent : {-1.0, 10.001, 1e308, inf, nan}) CHECK(refused(0.2, exponent, 6));
    for (double clip_qp : {0.0, 5e-324, 12.0}) CHECK(!refused(0.2, 0.5, clip_qp));
    for (double clip_qp : {-1.0, 12.001, 1e308, inf, nan}) CHECK(refused(0.2, 0.5, clip_qp));
}

TEST(a_huge_tau_is_plain_squared_error) {
    std::vector<float> luma = random_map(16, 12), chroma = random_map(16, 13);
    luma[3] = 0;
    chroma[5] = 1e30f;
    FrameWeights raw;
    raw.planes[0] = luma.data();
    raw.planes[1] = raw.planes[2] = chroma.data();
    for (double tau : {1e24, 1e30, 1e300, 1e308, std::numeric_limits<double>::max()}) {
        WeightShaping shaping;
        shaping.tau = tau;
        shaping.exponent = 10;
        const ShapedWeights shaped = shape_weights(raw, 32, 32, ChromaFormat::k420, shaping);
        for (const auto& plane : shaped.planes)
            for (double w : plane) CHECK(w == 1.0);
        CHECK(shaped.chroma_gain[0] == 1.0 && shaped.chroma_gain[1] == 1.0);
    }
    // Right below it the formula says the same.
    WeightShaping shaping;
    shaping.tau = std::nextafter(WeightShaping::kPlainTau, 0.0);
    raw.planes[1] = raw.planes[2] = nullptr;
    for (double w : shape_weights(raw, 32, 32, ChromaFormat::k420, shaping).planes[0]) CHECK(w == 1.0);
}

TEST(weights_of_any_size_are_shaped_within_the_clip) {
    const float least = std::numeric_limits<float>::denorm_min(),
                greatest = std::numeric_limits<float>::max();
    std::vector<float> luma(16, least), chroma(16, greatest);
    luma[0] = 0;
    chroma[1] = least;
    for (bool swapped : {false, true})
        for (double exponent : {0.5, 10.0})
            for (double tau : {0.0, 1e-300, 0.2, 1e23}) {
                FrameWeights raw;
                raw.planes[0] = swapped ? chroma.data() : luma.data();
                raw.planes[1] = raw.planes[2] = swapped ? luma.data() : chroma.data();
                WeightShaping shaping;
                shaping.tau = tau;
                shaping.exponent = exponent;
                shaping.clip_qp = 12;
                const ShapedWeights shaped = shape_weights(raw, 32, 32, ChromaFormat::k420, shaping);
                for (const auto& plane : shaped.planes)
                    for (double w : plane) CHECK(w >= 1 / 16.001 && w <= 16.001);
                for (double gain : shaped.chroma_gain) {
                    CHECK(gain > 0 && std::isfinite(gain));
                    const Weight scale = plane_scale(gain);
                    CHECK(scale.fx >= 1 && scale.fx <= 1u << 24);
                    CHECK(std::abs(qp_offset_of_gain(gain)) <= 12);
                }
            }
}

// 32 bits hold the squared error of 2051 samples at most.
TEST(squared_error_of_the_widest_picture) {
    const int w = 8192, h = 3;
    const std::vector<Sample> white(size_t(w) * h, kMaxSample), black(size_t(w) * h, 0);
    for (bool baseline : {false, true}) {
        force_baseline_kernels(baseline);
        for (int columns : {1, 127, 128, 129, 2051, 2052, 4104, 8192})
            CHECK_EQ(plain_sse(white.data(), w, black.data(), w, columns, h),
                     std::int64_t(columns) * h * kMaxSample * kMaxSample);
    }
    force_baseline_kernels(false);
}

TEST(tile_distortion_adds_up_over_splits_and_matches_the_factor) {
    std::mt19937 rng(9);
    const int w = 16, h = 16, rank = 3;
    std::vector<float> tiles(4 * rank * 64);
    for (float& f : tiles) f = float(int(rng() % 2001) - 1000) / 1000;
    const std::vector<float> map(4, 1.0f);
    FrameWeights raw;
    raw.planes[0] = map.data();
    raw.tile_rank = rank;
    raw.tiles = tiles.data();
    const WeightShaping shaping;
    const ShapedWeights shaped = shape_weights(raw, w, h, ChromaFormat::k400, shaping);
    const TileWeights weights(raw, shaped, shaping, w, h);
    Plane source(w, h), recon(w, h);
    for (int i = 0; i < w * h; i++) {
        source.at(0, 0)[i] = Sample(rng() % 1024);
        recon.at(0, 0)[i] = Sample(rng() % 1024);
    }
    BlockGrid grid(w, h);
    const Distortion whole = weights.distortion({0, 0, w, h}, source, recon.at(0, 0), w, recon, grid);
    Distortion parts = 0;
    for (int i = 0; i < 16; i++) {
        const Block b{(i % 4) * 4, (i / 4) * 4, 4, 4};
        parts += weights.distortion(b, source, recon.at(b.x, b.y), w, recon, grid);
        BlockInfo info;
        info.log2_w = info.log2_h = 2;
        grid.fill(b, info);
    }
    CHECK_EQ(parts, whole);
    // Against floating point: tile gain such that the diagonal's mean is 1.
    double expected = 0;
    for (int t = 0; t < 4; t++) {
        double trace = 0, energy = 0, sketch = 0;
        for (int k = 0; k < rank; k++) {
            double dot = 0;
            for (int i = 0; i < 64; i++) {
                const int x = (t % 2) * 8 + i % 8, y = (t / 2) * 8 + i / 8;
                const double f = tiles[size_t(t * rank + k) * 64 + i];
                dot += f * (double(*source.at(x, y)) - *recon.at(x, y));
                trace += f * f;
            }
            sketch += dot * dot;
        }
        for (int i = 0; i < 64; i++) {
            const double e = double(*source.at((t % 2) * 8 + i % 8, (t / 2) * 8 + i / 8)) -
                             *recon.at((t % 2) * 8 + i % 8, (t / 2) * 8 + i / 8);
            energy += e * e;
        }
        expected += (sketch + shaping.tau * energy) / (trace / 64 + shaping.tau);
    }
    CHECK(std::abs(double(whole) / (1 << kWeightShift) / expected - 1) < 0.02);
}

TEST(rate_control_finds_the_nearest_reachable_size) {
    for (std::int64_t target : {100, 900, 5000, 60000, 900000}) {
        int calls = 0;
        auto model = [&](FineQp qp) {
            calls++;
            return std::int64_t(300000 * std::exp2(-qp.sixteenths / 96.0)) + 80;
        };
        const FineQp found = find_qp(target, 32, 0.02, model);
        const std::int64_t reached = model(found);
        const std::int64_t smallest = model(FineQp{63 * 16}), largest = model(FineQp{0});
        const std::int64_t nearest = std::min(std::max(target, smallest), largest);
        CHECK(std::abs(double(reached - nearest)) <= 0.02 * double(nearest) + 1);
        CHECK(calls < 18);
        CHECK(found.qp() >= 0 && found.qp() <= 63);
    }
}
