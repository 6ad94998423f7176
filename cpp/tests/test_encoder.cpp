#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <random>

#include "check.h"
#include "vvc/encoder.h"
#include "vvc/threads.h"

using namespace idse::vvc;

namespace {

// A picture with edges, texture and noise, so that every part of the search has something to do.
struct TestFrame {
    std::vector<std::uint16_t> planes[3];
    SourceFrame frame;

    TestFrame(int width, int height, ChromaFormat format, unsigned seed, int bit_depth = 8) {
        std::mt19937 rng(seed);
        frame.width = width;
        frame.height = height;
        frame.bit_depth = bit_depth;
        frame.chroma_format = format;
        const int peak = (1 << bit_depth) - 1;
        for (int c = 0; c < (format == ChromaFormat::k420 ? 3 : 1); c++) {
            const int w = c ? width / 2 : width, h = c ? height / 2 : height;
            planes[c].resize(size_t(w) * h);
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++) {
                    int v = (x * 3 + y * 2) % 256;
                    if ((x / 24 + y / 18) % 3 == 0) v = 200 - c * 60;
                    if ((x / 30) % 4 == 1) v += int(rng() % 40);
                    planes[c][size_t(y) * w + x] = std::uint16_t(std::min(v * (peak + 1) / 256, peak));
                }
            frame.planes[c] = planes[c].data();
        }
    }
};

std::vector<std::uint8_t> bytes_of(const std::vector<SourceFrame>& frames, const Settings& settings,
                                   const std::vector<FrameWeights>& weights = {}) {
    return encode(frames, weights, settings).bytes;
}

template <class E, class F>
bool throws(F f) {
    try {
        f();
    } catch (const E&) {
        return true;
    }
    return false;
}

}  // namespace

TEST(bytes_do_not_depend_on_threads) {
    std::vector<TestFrame> sources;
    for (unsigned i = 0; i < 3; i++) sources.emplace_back(136, 200, ChromaFormat::k420, i);
    std::vector<SourceFrame> frames;
    for (const auto& s : sources) frames.push_back(s.frame);
    for (bool wpp : {false, true}) {
        Settings settings;
        settings.wpp = wpp;
        settings.ctu_size = 64;
        const auto one = bytes_of(frames, settings);
        const auto one_frame = bytes_of({frames[0]}, settings);
        for (int threads : {2, 5}) {
            settings.threads = threads;
            CHECK(bytes_of(frames, settings) == one);
            CHECK(bytes_of({frames[0]}, settings) == one_frame);
        }
    }
}

TEST(a_uniform_map_gives_the_bytes_of_an_unweighted_encode) {
    const TestFrame source(120, 88, ChromaFormat::k420, 7);
    const std::vector<float> uniform(15 * 11, 3.25f);
    FrameWeights weights;
    weights.planes[0] = uniform.data();
    for (bool dual : {false, true}) {
        Settings settings;
        settings.dual_tree = dual;
        CHECK(bytes_of({source.frame}, settings, {weights}) == bytes_of({source.frame}, settings));
    }
    // So does any map when tau or the exponent take it away.
    std::mt19937 rng(1);
    std::vector<float> map(15 * 11);
    for (float& w : map) w = float(rng() % 100) + 1;
    weights.planes[0] = map.data();
    Settings plain;
    CHECK(bytes_of({source.frame}, plain, {weights}) != bytes_of({source.frame}, plain));
    for (double tau : {1e24, 1e308, std::numeric_limits<double>::infinity()}) {
        plain.shaping.tau = tau;
        CHECK(bytes_of({source.frame}, plain, {weights}) == bytes_of({source.frame}, plain));
    }
    plain.shaping = WeightShaping{};
    plain.weight_scope = 0;
    CHECK(bytes_of({source.frame}, plain, {weights}) == bytes_of({source.frame}, plain));
}

TEST(weights_move_the_error_to_where_it_matters_less) {
    const TestFrame source(128, 64, ChromaFormat::k400, 3);
    std::vector<float> map(16 * 8, 0.1f);
    for (size_t y = 0; y < 8; y++)
        for (size_t x = 0; x < 8; x++) map[y * 16 + x] = 10;
    FrameWeights weights;
    weights.planes[0] = map.data();
    // Squared error left over right: the weights say that left matters ten times as much.
    auto error_ratio = [&](const std::vector<FrameWeights>& w, unsigned scope) {
        Settings settings;
        settings.weight_scope = scope;
        const EncodedStream stream = encode({source.frame}, w, settings);
        double left = 0, right = 0;
        for (size_t y = 0; y < 64; y++)
            for (size_t x = 0; x < 128; x++) {
                const double e =
                    double(stream.frames[0].planes[0][y * 128 + x]) - source.planes[0][y * 128 + x] * 4;
                (x < 64 ? left : right) += e * e;
            }
        return left / right;
    };
    const double plain = error_ratio({}, kWeightAll);
    for (unsigned scope : {unsigned(kWeightRdo) | kWeightQuant, unsigned(kWeightQp), unsigned(kWeightAll)})
        CHECK(error_ratio({weights}, scope) < 0.75 * plain);
}

TEST(one_picture_rate_control_meets_its_target) {
    const TestFrame source(160, 120, ChromaFormat::k420, 11);
    for (std::int64_t target : {700, 1500, 4000}) {
        Settings settings;
        settings.target_bytes = target;
        const auto bytes = bytes_of({source.frame}, settings);
        CHECK(std::abs(double(bytes.size()) / double(target) - 1) < 0.021);
    }
}

TEST(every_mistake_is_refused_with_words) {
    const TestFrame good(32, 32, ChromaFormat::k420, 1);
    auto refused = [&](const std::vector<SourceFrame>& frames, const Settings& settings,
                       const std::vector<FrameWeights>& weights = {}) {
        return throws<EncodeError>([&] { encode(frames, weights, settings); });
    };
    CHECK(!refused({good.frame}, {}));
    CHECK(refused({}, {}));
    SourceFrame odd = good.frame;
    odd.width = 31;
    CHECK(refused({odd}, {}));
    SourceFrame deep = good.frame;
    deep.bit_depth = 12;
    CHECK(refused({deep}, {}));
    SourceFrame huge = good.frame;
    huge.width = 8194;
    CHECK(refused({huge}, {}));
    SourceFrame missing = good.frame;
    missing.planes[2] = nullptr;
    CHECK(refused({missing}, {}));
    TestFrame beyond(32, 32, ChromaFormat::k420, 1);
    beyond.planes[1][5] = 256;
    CHECK(refused({beyond.frame}, {}));
    for (int Settings::* field : {&Settings::qp, &Settings::preset, &Settings::threads, &Settings::ctu_size,
                                  &Settings::cb_qp_offset, &Settings::cr_qp_offset}) {
        Settings settings;
        settings.*field = -99;
        CHECK(refused({good.frame}, settings));
    }
    Settings shaped;
    shaped.shaping.exponent = 1e308;
    CHECK(refused({good.frame}, shaped));  // with and without a map
    const std::vector<float> map(16, 1.0f);
    FrameWeights weights;
    weights.planes[0] = map.data();
    CHECK(refused({good.frame}, {}, {weights, weights}));
    CHECK(!refused({good.frame}, {}, {weights}));
    weights.tile_rank = 2;
    CHECK(refused({good.frame}, {}, {weights}));  // without tiles
}

TEST(a_callback_that_returns_false_stops_the_encode) {
    std::vector<TestFrame> sources;
    for (unsigned i = 0; i < 4; i++) sources.emplace_back(128, 128, ChromaFormat::k420, i);
    std::vector<SourceFrame> frames;
    for (const auto& s : sources) frames.push_back(s.frame);
    for (int threads : {1, 3})
        for (bool wpp : {false, true}) {
            Settings settings;
            settings.threads = threads;
            settings.wpp = wpp;
            std::atomic<int> calls{0};
            CHECK(throws<Interrupted>(
                [&] { encode(frames, {}, settings, [&](double) { return ++calls < 2; }); }));
        }
}

// Planes of a map may have lost all measure, also against each other: nothing may overflow or divide by zero.
TEST(maps_without_measure_are_coded) {
    const TestFrame source(72, 40, ChromaFormat::k420, 5);
    const size_t cells = 9 * 5;
    const std::vector<float> zeros(cells, 0.0f), ones(cells, 1.0f),
        greatest(cells, std::numeric_limits<float>::max()),
        least(cells, std::numeric_limits<float>::denorm_min());
    std::vector<float> alternating(cells, 1e-30f);
    for (size_t i = 0; i < cells; i += 2) alternating[i] = i % 3 ? 0.0f : 1e30f;
    const std::vector<float> mixed = alternating;
    std::vector<float> factors(cells * 2 * 64);
    for (size_t i = 0; i < factors.size(); i++) factors[i] = i % 7 ? 1e-38f : i % 3 ? -3e38f : 3e38f;
    const std::vector<const float*> planes = {ones.data(), greatest.data(), least.data(), mixed.data()};
    for (unsigned scope : {1u, 2u, 3u, 7u})
        for (const float* luma : planes)
            for (const float* chroma : {zeros.data(), greatest.data(), mixed.data()})
                for (int qp : {0, 63}) {
                    FrameWeights weights;
                    weights.planes[0] = luma;
                    weights.planes[1] = chroma;
                    weights.planes[2] = ones.data();
                    weights.tiles = factors.data();
                    weights.tile_rank = luma == mixed.data() ? 2 : 0;
                    Settings settings;
                    settings.preset = 0;
                    settings.qp = qp;
                    settings.weight_scope = scope;
                    settings.shaping.tau = 0;
                    settings.shaping.exponent = 2;
                    settings.shaping.clip_qp = 12;
                    settings.dependent_quant = chroma != mixed.data();
                    const EncodedStream stream = encode({source.frame}, {weights}, settings);
                    CHECK(stream.bytes.size() > 30);
                    CHECK(stream.frames[0].psnr[0] > 5);
                }
}

// One, a few or none of the threads that were asked for can be created.
TEST(an_encode_goes_on_with_the_threads_that_can_be_created) {
    std::vector<TestFrame> sources;
    for (unsigned i = 0; i < 3; i++) sources.emplace_back(136, 200, ChromaFormat::k420, i);
    std::vector<SourceFrame> frames;
    for (const auto& s : sources) frames.push_back(s.frame);
    for (const auto& input : {frames, std::vector<SourceFrame>{frames[0]}}) {
        Settings settings;
        settings.wpp = true;
        settings.ctu_size = 64;
        settings.preset = 0;
        const auto expected = bytes_of(input, settings);
        settings.threads = 4;
        for (int created : {0, 1, 2}) {
            limit_threads(created);
            CHECK(bytes_of(input, settings) == expected);
        }
        limit_threads(1);
        CHECK(throws<Interrupted>([&] { encode(input, {}, settings, [](double) { return false; }); }));
        limit_threads(-1);
    }
}

TEST(progress_grows_to_one) {
    std::vector<TestFrame> sources;
    for (unsigned i = 0; i < 3; i++) sources.emplace_back(64, 256, ChromaFormat::k400, i);
    for (size_t count : {1, 3})
        for (std::int64_t target : {0, 2000})
            for (int threads : {1, 3})
                for (bool wpp : {false, true}) {
                    std::vector<SourceFrame> frames;
                    for (size_t i = 0; i < count; i++) frames.push_back(sources[i].frame);
                    Settings settings;
                    settings.preset = 0;
                    settings.ctu_size = 64;
                    settings.target_bytes = target;
                    settings.threads = threads;
                    settings.wpp = wpp;
                    double last = 0;  // calls are from one thread at a time
                    int falls = 0, calls = 0;
                    encode(frames, {}, settings, [&](double share) {
                        falls += share < last || share > 1;
                        calls++;
                        last = share;
                        return true;
                    });
                    CHECK_EQ(falls, 0);
                    CHECK(calls >= int(count) * 4);
                    CHECK(last == 1.0);
                }
}

// Some rows of a checkerboard that is coded this coarsely have a squared error beyond 32 bits.
TEST(psnr_of_the_widest_picture) {
    const int width = 8192, height = 64;
    std::vector<std::uint16_t> samples(size_t(width) * height);
    for (size_t i = 0; i < samples.size(); i++)
        samples[i] = (i % width / 4 + i / width / 4) % 2 ? std::uint16_t(kMaxSample) : std::uint16_t(0);
    SourceFrame frame;
    frame.width = width;
    frame.height = height;
    frame.bit_depth = 10;
    frame.chroma_format = ChromaFormat::k400;
    frame.planes[0] = samples.data();
    Settings settings;
    settings.preset = 0;
    settings.qp = 63;
    const EncodedStream stream = encode({frame}, {}, settings);
    double sse = 0, worst_row = 0, row = 0;
    for (size_t i = 0; i < samples.size(); i++) {
        const double e = double(stream.frames[0].planes[0][i]) - double(samples[i]);
        row = i % width ? row + e * e : e * e;
        worst_row = std::max(worst_row, row);
        sse += e * e;
    }
    CHECK(worst_row > 0x1p31);  // or this is no test
    const double psnr = 10 * std::log10(1020.0 * 1020.0 * double(samples.size()) / sse);
    CHECK(std::abs(stream.frames[0].psnr[0] - psnr) < 1e-9);
}
