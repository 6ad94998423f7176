#include <algorithm>
#include <cmath>
#include <limits>

#include "check.h"
#include "frequency_weight.h"
#include "hooks.h"
#include "made_up.h"
#include "overlay.h"
#include "picture_weights.h"
#include "vvc/search/set_weights.h"

using namespace idse::vtm;
using idse::test::random_map;
using idse::test::RawMap;
using idse::test::TemporaryFile;
using idse::test::with_profiles;
using idse::vvc::ChromaFormat;
using idse::vvc::FrequencyGains;
using idse::vvc::ShapedWeights;
using idse::vvc::WeightShaping;

namespace {

constexpr int kWidth = 96, kHeight = 80;

// What a function prints on one of the process's streams.
template <class F>
std::string printed(int descriptor, std::FILE* stream, F f) {
    std::fflush(stream);
    const TemporaryFile file("");
    const int kept = dup(descriptor);
    std::FILE* const target = std::fopen(file.path().c_str(), "wb");
    dup2(fileno(target), descriptor);
    f();
    std::fflush(stream);
    dup2(kept, descriptor);
    ::close(kept);
    std::fclose(target);
    std::ifstream in(file.path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct Configured {
    bool done = false;
    Overrides overrides;
    std::string out;
    std::string err;
};

Stream stream_of(const RawMap& map) {
    Stream stream;
    stream.width = map.width;
    stream.height = map.height;
    stream.frames = map.frames;
    return stream;
}

Configured configure_with(const std::string& map_file, const Stream& stream, const char* tools = "all") {
    options() = Options();
    options().map_file = map_file;
    options().tools = tools;
    Configured c;
    c.overrides.active = true;  // must be overwritten
    c.overrides.min_qp_subdiv = 77;
    c.out = printed(1, stdout,
                    [&] { c.err = printed(2, stderr, [&] { c.done = configure(stream, c.overrides); }); });
    return c;
}

Configured configure_with(const RawMap& map, const char* tools = "all") {
    const TemporaryFile file(map.bytes());
    return configure_with(file.path(), stream_of(map), tools);
}

RawMap with(RawMap map, std::size_t index, float value) {
    map.values[index] = value;
    return map;
}

RawMap uniform_map() {
    RawMap map = random_map(kWidth, kHeight, 2, 3, 3, 1);
    std::fill(map.values.begin(), map.values.end(), 0.37f);
    return map;
}

// The three planes of an original, with room on the right, and a reconstruction.
template <class Pel>
struct Samples {
    static constexpr int kStrides[3] = {kWidth + 13, kWidth / 2 + 5, kWidth / 2 + 9};
    std::vector<Pel> original[3], recon[3];
    OriginalPlane planes[3];

    explicit Samples(unsigned seed) {
        std::mt19937 rng(seed);
        for (int c = 0; c < 3; c++) {
            const int height = c ? kHeight / 2 : kHeight;
            original[c].resize(std::size_t(kStrides[c]) * std::size_t(height));
            recon[c].resize(original[c].size());
            for (Pel& s : original[c]) s = Pel(rng() % 1024);
            for (Pel& s : recon[c]) s = Pel(rng() % 1024);
            planes[c].component = c;
            planes[c].samples = original[c].data();
            planes[c].stride = kStrides[c];
            planes[c].height = height;
            planes[c].sample_size = sizeof(Pel);
        }
    }
    const Pel* org(int c, int x, int y) const { return &original[c][std::size_t(y * kStrides[c] + x)]; }
    const Pel* cur(int c, int x, int y) const { return &recon[c][std::size_t(y * kStrides[c] + x)]; }
    void start(int poc) const { start_picture(planes, 3, poc); }

    // In floating point, from the shaped cells.
    double expected(const std::vector<double>& cells, int cols, int log2_unit, int c, int x0, int y0, int w,
                    int h) const {
        double sum = 0;
        for (int y = y0; y < y0 + h; y++)
            for (int x = x0; x < x0 + w; x++) {
                const int s = c ? 1 : 0;
                const double e = double(*org(c, x, y)) - *cur(c, x, y);
                sum += e * e *
                       cells[std::size_t((y << s) >> log2_unit) * std::size_t(cols) +
                             std::size_t((x << s) >> log2_unit)];
            }
        return sum;
    }
};

ShapedWeights shaped_of(const RawMap& map, int frame) {
    return idse::vvc::shape_weights(map.frame(frame), map.width, map.height, ChromaFormat::k420, {});
}

// Refused with a line that has these words; nothing is left active.
bool refused(const Configured& c, const char* words) {
    return !c.done && !active() && !c.overrides.active && last_error().find(words) != std::string::npos &&
           last_error().find('\n') == std::string::npos && c.err == "IDSE error: " + last_error() + "\n";
}

template <class Pel>
void check_distortions(const RawMap& map, const char* tools, bool luma, bool chroma) {
    CHECK(configure_with(map, tools).done);
    const Samples<Pel> samples(4);
    for (int frame = 0; frame < map.frames; frame++) {
        samples.start(frame);
        const ShapedWeights shaped = shaped_of(map, frame);
        for (int c = 0; c < 3; c++) {
            const int width = c ? kWidth / 2 : kWidth, height = c ? kHeight / 2 : kHeight;
            const std::vector<double> ones(shaped.planes[c].size(), 1.0);
            const auto& cells = (c ? chroma : luma) ? shaped.planes[c] : ones;
            const int blocks[][4] = {{0, 0, 8, 8},           {width - 4, 0, 4, 4},
                                     {0, height - 4, 8, 4},  {width - 1, height - 1, 1, 1},
                                     {5, height - 1, 20, 1}, {12, 20, 32, 16},
                                     {0, 0, width, height}};
            for (const auto& b : blocks) {
                std::uint64_t got = 0;
                CHECK(weighted_distortion(c, samples.org(c, b[0], b[1]), Samples<Pel>::kStrides[c],
                                          samples.cur(c, b[0], b[1]), Samples<Pel>::kStrides[c], b[2], b[3],
                                          got));
                const double expected =
                    samples.expected(cells, shaped.cols, map.log2_unit, c, b[0], b[1], b[2], b[3]);
                CHECK(std::abs(double(got) - expected) <= 1e-3 * expected + 1);
            }
        }
    }
}

}  // namespace

TEST(without_a_map_nothing_is_active) {
    const Configured c = configure_with("", Stream());
    CHECK(c.done && !active() && !c.overrides.active);
    CHECK(c.out.empty() && c.err.empty() && last_error().empty());
    CHECK_EQ(c.overrides.min_qp_subdiv, 0);
    CHECK(quant_lambda_scale(0, 0, 0, 8, 8) == 1 && satd_lambda_scale(0, 0, 8, 8) == 1);
    CHECK(qp_delta(0, 0, 64, 64) == 0 && !alf_weighted());
    const Samples<std::int16_t> samples(1);
    samples.start(99);  // no map has that frame: none is looked at
    CHECK(sao_weight(0, samples.org(0, 0, 0), 8, 8) == 1);
    CHECK(printed(1, stdout, report).empty());
}

TEST(a_uniform_map_is_not_used_and_that_is_said) {
    const Configured c = configure_with(uniform_map());
    CHECK(c.done && !active() && !c.overrides.active);
    CHECK(c.out == "IDSE weight map is uniform: not used\n");
    const RawMap last_frame_weighted = with(uniform_map(), uniform_map().values.size() - 1, 3.f);
    CHECK(configure_with(last_frame_weighted).done && active());
    CHECK(configure_with(random_map(kWidth, kHeight, 1, 3, 3, 1), "none").out ==
          "IDSE tools are none: weight map not used\n");
    CHECK(!active());
}

TEST(a_map_whose_chroma_alone_has_weight_is_used) {
    RawMap map = uniform_map();
    for (std::size_t i = 0; i < map.values.size(); i++)
        if (i / map.cells() % 3 == 2) map.values[i] *= 4;
    const Configured c = configure_with(map);
    CHECK(active());
    CHECK_EQ(c.overrides.chroma_qp_offset[0], 0);
    CHECK(c.overrides.chroma_qp_offset[1] < 0);
    CHECK_EQ(c.overrides.min_qp_subdiv, 0);
}

TEST(what_is_wrong_is_said_on_one_line) {
    const RawMap map = random_map(kWidth, kHeight, 2, 3, 3, 2);
    const TemporaryFile file(map.bytes());
    const auto change = [&](auto how) {
        Stream stream = stream_of(map);
        how(stream);
        return configure_with(file.path(), stream);
    };
    CHECK(refused(change([](Stream& s) { s.width += 2; }), "96x80, these have 98x80"));
    CHECK(refused(change([](Stream& s) { s.height -= 8; }), "96x80, these have 96x72"));
    CHECK(refused(change([](Stream& s) { s.frames = 3; }), "has 2 frames, 3 are to be coded"));
    CHECK(refused(change([](Stream& s) { s.chroma_420 = false; }), "4:2:0 or 4:0:0"));
    CHECK(refused(change([](Stream& s) { s.other_weights = true; }), "AdaptiveQP"));
    CHECK(refused(configure_with(file.path(), stream_of(map), "sse,ssd"), "'ssd'"));
    CHECK(refused(configure_with("/nowhere/map.idsew", stream_of(map)), "/nowhere/map.idsew"));
    const float nan = std::numeric_limits<float>::quiet_NaN();
    CHECK(refused(configure_with(with(map, 3, nan)), "not finite"));
    CHECK(refused(configure_with(with(map, map.values.size() - 1, -1.f)), "negative"));  // of the last frame
    // ... and what is right is coded after all that.
    CHECK(change([](Stream& s) { s.frames = 1; }).done && active() && last_error().empty());
    CHECK(change([](Stream& s) { s.frames = 0; }).done && active());
    CHECK(change([](Stream& s) { s.components = 1, s.chroma_420 = false; }).done && active());
}

TEST(options_are_checked_and_used) {
    const RawMap map = random_map(kWidth, kHeight, 1, 3, 1, 3);
    const TemporaryFile file(map.bytes());
    Overrides overrides;
    const auto configured = [&](double tau, double exponent, double clip) {
        options() = Options();
        options().map_file = file.path();
        options().tau = tau;
        options().exponent = exponent;
        options().clip_qp = clip;
        bool done = false;
        printed(1, stdout, [&] { printed(2, stderr, [&] { done = configure(stream_of(map), overrides); }); });
        return done;
    };
    CHECK(!configured(-1, 0.5, 6));
    CHECK(!configured(0.2, -1, 6));
    CHECK(!configured(0.2, 0.5, 13));
    CHECK(configured(0.2, 0, 6) && !active());
    CHECK(configured(std::numeric_limits<double>::infinity(), 0.5, 6) && !active());
    const Samples<std::int16_t> samples(1);
    double spread[2];
    for (int i = 0; i < 2; i++) {
        CHECK(configured(0.2, i ? 2 : 0.5, 12) && active());
        samples.start(0);
        double low = 1, high = 1;
        for (int x = 0; x < kWidth; x += 8) {
            low = std::min(low, quant_lambda_scale(0, x, 0, 8, 8));
            high = std::max(high, quant_lambda_scale(0, x, 0, 8, 8));
        }
        spread[i] = high / low;
    }
    CHECK(spread[1] > 1.5 * spread[0]);
}

TEST(distortion_finds_its_place_by_address) {
    for (int log2_unit : {1, 2, 3, 6}) {
        const RawMap map = random_map(kWidth, kHeight, 2, log2_unit, 1, unsigned(log2_unit));
        check_distortions<std::int16_t>(map, "all", true, true);
        check_distortions<std::int16_t>(map, "sse", true, false);
        check_distortions<std::int16_t>(map, "chroma", false, true);
        check_distortions<std::int16_t>(map, "satd,sao", false, false);
        check_distortions<std::int32_t>(map, "all", true, true);
    }
}

TEST(what_is_not_in_the_picture_is_left_to_vtm_and_counted) {
    const RawMap map = random_map(kWidth, kHeight, 1, 3, 3, 6);
    configure_with(map);
    const Samples<std::int16_t> samples(5);
    std::uint64_t got = 12345;
    const auto weigh = [&](int c, const std::int16_t* org) {
        return weighted_distortion(c, org, 8, samples.cur(0, 0, 0), 8, 4, 4, got);
    };
    CHECK(!weigh(0, samples.org(0, 0, 0)));  // no picture has been started
    samples.start(0);
    std::int16_t elsewhere[64] = {};
    CHECK(!weigh(0, elsewhere));
    CHECK(!weigh(0, samples.org(0, 0, 0) - 1));
    CHECK(!weigh(0, samples.original[0].data() + samples.original[0].size()));
    CHECK(!weigh(1, samples.org(0, 8, 8)));  // luma's address under another name
    CHECK(!weigh(0, samples.org(2, 8, 8)));
    CHECK_EQ(got, 12345u);
    CHECK(weigh(0, samples.org(0, 8, 8)) && weigh(2, samples.org(2, 8, 8)));
    CHECK(got != 12345);
    const std::string said = printed(1, stdout, report);
    CHECK(said.find("\nIDSE weighted distortion calls: 2 of 8 (25.00 %)\n") != std::string::npos);
}

TEST(loop_filters_are_weighed_and_counted) {
    const RawMap map = random_map(kWidth, kHeight, 1, 3, 1, 7);
    configure_with(map);
    CHECK(alf_weighted());
    const Samples<std::int16_t> samples(5);
    samples.start(0);
    const ShapedWeights shaped = shaped_of(map, 0);
    const auto cell = [&](int x, int y) { return shaped.planes[0][std::size_t(y * shaped.cols + x)]; };
    CHECK(std::abs(alf_weight(samples.org(0, 17, 9)) - cell(2, 1)) < 1e-3);
    CHECK(std::abs(alf_weight(samples.org(1, 17, 9)) - cell(4, 2)) < 1e-3);
    CHECK(std::abs(sao_weight(0, samples.org(0, 16, 8), 8, 8) - cell(2, 1)) < 1e-3);
    CHECK(std::abs(sao_weight(2, samples.org(2, 8, 4), 8, 4) - (cell(2, 1) + cell(3, 1)) / 2) < 1e-3);
    std::int16_t elsewhere[64] = {};
    CHECK(alf_weight(elsewhere) == 1 && sao_weight(0, elsewhere, 8, 8) == 1);
    CHECK(sao_weight(1, samples.org(0, 0, 0), 8, 8) == 1);
    CHECK(printed(1, stdout, report).find("\nIDSE weighted loop filter calls: 4 of 7 (57.14 %)\n") !=
          std::string::npos);

    configure_with(map, "sse");
    samples.start(0);
    CHECK(!alf_weighted() && sao_weight(0, samples.org(0, 16, 8), 8, 8) == 1);
}

TEST(lambda_scales_are_of_the_mean_weight) {
    const RawMap map = random_map(kWidth, kHeight, 1, 3, 1, 8);
    configure_with(map);
    Samples<std::int16_t>(1).start(0);
    const ShapedWeights shaped = shaped_of(map, 0);
    const double mean = (shaped.planes[0][0] + shaped.planes[0][1]) / 2;
    CHECK(std::abs(quant_lambda_scale(0, 0, 0, 16, 8) * mean - 1) < 1e-3);
    CHECK(std::abs(quant_lambda_scale(1, 0, 0, 8, 4) * mean - 1) < 1e-3);
    CHECK(std::abs(satd_lambda_scale(0, 0, 16, 8) * std::sqrt(mean) - 1) < 1e-3);
}

TEST(each_picture_has_its_own_weights) {
    const RawMap map = random_map(kWidth, kHeight, 3, 3, 1, 9);
    configure_with(map);
    const Samples<std::int16_t> samples(1);
    for (int poc : {2, 0, 1}) {
        samples.start(poc);
        const ShapedWeights shaped = shaped_of(map, poc);
        CHECK(std::abs(quant_lambda_scale(0, 8, 0, 8, 8) * shaped.planes[0][1] - 1) < 1e-3);
        const double scale[2] = {1, 1};
        const PictureWeights weights(shaped, kWidth, kHeight, 3, kAllTools, scale, 6);
        CHECK_EQ(qp_delta(64, 64, 8, 8), weights.qp_delta({64, 64, 8, 8}));
    }
    for (int poc : {-1, 3}) {
        bool thrown = false;
        try {
            samples.start(poc);
        } catch (const std::runtime_error& e) {
            thrown = std::string(e.what()).find("no frame " + std::to_string(poc)) != std::string::npos;
        }
        CHECK(thrown);
    }
}

TEST(chroma_importance_becomes_the_native_encoders_qp_offsets) {
    const RawMap map = random_map(kWidth, kHeight, 1, 3, 3, 10);
    const ShapedWeights shaped = shaped_of(map, 0);
    idse::vvc::Settings settings;
    int cb = 0, cr = 0;
    idse::vvc::chroma_qp_offsets(&shaped, settings, cb, cr);
    CHECK(cb != 0 && cr != cb);
    const Configured c = configure_with(map);
    CHECK_EQ(c.overrides.chroma_qp_offset[0], cb);
    CHECK_EQ(c.overrides.chroma_qp_offset[1], cr);
    CHECK_EQ(c.overrides.chroma_qp_offset[2], (cb + cr) / 2);
    CHECK_EQ(c.overrides.min_qp_subdiv, 2);
    CHECK(c.out.find("IDSE chroma QP offset: cb " + std::to_string(cb) + " cr " + std::to_string(cr) +
                     "\n") != std::string::npos);
    CHECK(c.out.find(
              "cells of 8x8, 3 planes, 1 frames, tau 0.2, exponent 0.5, clip 6 QP, tools all, LMCS off") !=
          std::string::npos);

    // Without the offsets the weights have the gain themselves; with them, they don't.
    const Samples<std::int16_t> samples(1);
    samples.start(0);
    CHECK(std::abs(quant_lambda_scale(1, 0, 0, 4, 4) * shaped.planes[1][0] - 1) < 1e-3);
    const Configured without = configure_with(map, "sse,chroma,quant");
    CHECK(without.overrides.active);
    CHECK_EQ(without.overrides.min_qp_subdiv, 0);
    for (int offset : without.overrides.chroma_qp_offset) CHECK_EQ(offset, 0);
    samples.start(0);
    for (int i = 0; i < 2; i++)
        CHECK(
            std::abs(quant_lambda_scale(1 + i, 0, 0, 4, 4) * shaped.planes[1 + i][0] * shaped.chroma_gain[i] -
                     1) < 2e-3);
}

TEST(offsets_are_of_the_frames_geometric_mean) {
    RawMap map = random_map(kWidth, kHeight, 2, 3, 3, 11);
    for (std::size_t i = map.cells() * 4; i < map.cells() * 5; i++) map.values[i] *= 16;  // Cb of frame 1
    const double gains[2] = {shaped_of(map, 0).chroma_gain[0], shaped_of(map, 1).chroma_gain[0]};
    CHECK(gains[1] > 2 * gains[0]);
    const double mean = std::sqrt(gains[0] * gains[1]);
    CHECK_EQ(configure_with(map).overrides.chroma_qp_offset[0], idse::vvc::qp_offset_of_gain(mean));
    const Samples<std::int16_t> samples(1);
    for (int frame = 0; frame < 2; frame++) {  // what a frame differs by stays in its weights
        samples.start(frame);
        const double w = shaped_of(map, frame).planes[1][0] * gains[frame] / mean;
        CHECK(std::abs(quant_lambda_scale(1, 0, 0, 4, 4) * w - 1) < 2e-3);
    }
}

TEST(every_configure_starts_clean) {
    const RawMap map = random_map(kWidth, kHeight, 1, 3, 3, 12);
    const Samples<std::int16_t> samples(2);
    const auto use = [&] {
        configure_with(map);
        samples.start(0);
        std::uint64_t got = 0;
        weighted_distortion(0, samples.org(0, 0, 0), 8, samples.cur(0, 0, 0), 8, 8, 8, got);
        return std::pair(got, printed(1, stdout, report));
    };
    const auto first = use();
    CHECK(use() == first);
    // A picture of the encode before is none of this one's.
    configure_with(map);
    std::uint64_t got = 0;
    CHECK(!weighted_distortion(0, samples.org(0, 0, 0), 8, samples.cur(0, 0, 0), 8, 8, 8, got));
    configure_with(uniform_map());
    CHECK(!active() && qp_delta(0, 0, 64, 64) == 0 && !alf_weighted());
    CHECK(refused(configure_with("/nowhere", Stream()), "/nowhere"));
    CHECK(use() == first && last_error().empty());
}

TEST(progress_is_told_and_may_end_it) {
    configure_with("", Stream());
    int calls = 0;
    set_progress([&](int done, int count, int poc) {
        CHECK(done == 3 && count == 9 && poc == 1);
        return ++calls < 3;
    });
    bool interrupted = false;
    try {
        for (int i = 0; i < 9; i++) start_ctu(3, 9, 1);
    } catch (const Interrupted&) {
        interrupted = true;
    }
    CHECK(interrupted);
    CHECK_EQ(calls, 3);
    configure_with("", Stream());  // the callback outlives it: it is set before the options are read
    set_progress([](int, int, int) { return true; });
    CHECK(printed(1, stdout, [] { start_ctu(0, 9, 0); }).empty());
    set_progress(nullptr);
    start_ctu(0, 9, 0);

    options() = Options();
    options().progress = true;
    Overrides overrides;
    CHECK(configure(Stream(), overrides));
    CHECK(printed(1, stdout, [] { start_ctu(4, 9, 2); }) == "\nIDSE progress 4 9 2\n");
    configure_with("", Stream());
    CHECK(printed(1, stdout, [] { start_ctu(4, 9, 2); }).empty());
}

// --- the functions for VTM's types ---

namespace {

struct HookedPicture {
    Samples<std::int16_t> coded{3}, came_in{4};
    Picture picture;

    explicit HookedPicture(bool both = true, int planes = 3) {
        picture.poc = 0;
        picture.original.bufs = buffers(coded, planes);
        if (both) picture.true_original.bufs = buffers(came_in, planes);
    }
    static std::vector<PelBuf> buffers(Samples<std::int16_t>& samples, int planes) {
        std::vector<PelBuf> all;
        for (int c = 0; c < planes; c++)
            all.push_back({samples.original[c].data(), Samples<std::int16_t>::kStrides[c],
                           unsigned(c ? kWidth / 2 : kWidth), unsigned(c ? kHeight / 2 : kHeight)});
        return all;
    }
};

struct Statistics {
    std::int64_t diff[3] = {1000, -1000, 3};
    std::int64_t count[3] = {800, 0, 10};
};

}  // namespace

TEST(a_pictures_originals_are_both_known) {
    const RawMap map = random_map(kWidth, kHeight, 1, 3, 1, 13);
    const ShapedWeights shaped = shaped_of(map, 0);
    for (bool both : {true, false})
        for (int planes : {1, 3}) {
            configure_with(map);
            HookedPicture hooked(both, planes);
            start_picture_of(hooked.picture);
            for (int c = 0; c < 3; c++) {
                const double w = shaped.planes[0][std::size_t(c ? 2 * shaped.cols : shaped.cols)];
                const double at_coded = alf_weight(hooked.coded.org(c, 0, 8));
                const double at_came_in = alf_weight(hooked.came_in.org(c, 0, 8));
                CHECK(std::abs(at_coded - (c < planes ? w : 1)) < 1e-3);
                CHECK(std::abs(at_came_in - (c < planes && both ? w : 1)) < 1e-3);
            }
        }
}

TEST(the_quantisers_lambda_comes_back) {
    const RawMap map = random_map(kWidth, kHeight, 1, 3, 1, 14);
    const ShapedWeights shaped = shaped_of(map, 0);
    TransformUnit unit;
    unit.blocks = {{8, 0, 8, 8}, {4, 0, 4, 4}, {4, 0, 4, 4}};
    Quant quant;
    quant.setLambda(57);
    configure_with(map);
    HookedPicture hooked;
    start_picture_of(hooked.picture);
    for (ComponentID c : {COMPONENT_Y, COMPONENT_Cb}) {
        {
            const QuantLambda lambda(quant, unit, c, true);
            CHECK(std::abs(quant.getLambda() * shaped.planes[0][1] / 57 - 1) < 1e-3);
        }
        CHECK(quant.getLambda() == 57);
    }
    configure_with("", Stream());
    const QuantLambda lambda(quant, unit, COMPONENT_Y, true);
    CHECK(quant.getLambda() == 57);
}

TEST(sao_statistics_are_weighted_at_the_end) {
    const RawMap map = random_map(kWidth, kHeight, 1, 3, 1, 15);
    const ShapedWeights shaped = shaped_of(map, 0);
    configure_with(map);
    HookedPicture hooked;
    start_picture_of(hooked.picture);
    Statistics s;
    const Statistics untouched;
    {
        const SaoWeight<Statistics> weight(s, COMPONENT_Y, hooked.came_in.org(0, 8, 0), 8, 8);
        CHECK_EQ(s.diff[0], 1000);
    }
    const double w = shaped.planes[0][1];
    CHECK(std::abs(w - 1) > 0.05);
    for (int i = 0; i < 3; i++) {
        CHECK(std::abs(double(s.diff[i]) - w * double(untouched.diff[i])) <= 1);
        CHECK(std::abs(double(s.count[i]) - w * double(untouched.count[i])) <= 1);
    }
    configure_with("", Stream());
    Statistics plain;
    { const SaoWeight<Statistics> weight(plain, COMPONENT_Y, hooked.came_in.org(0, 8, 0), 8, 8); }
    CHECK_EQ(plain.diff[1], -1000);
}

// --- weights over frequency ---

namespace {

Configured configure_frequency(const RawMap& map, double gamma, const char* scope, const char* tools = "all",
                               double floor = 1.0 / 256) {
    const TemporaryFile file(map.bytes());
    options() = Options();
    options().map_file = file.path();
    options().tools = tools;
    options().gamma = gamma;
    options().profile_floor = floor;
    options().frequency = scope;
    Configured c;
    c.out = printed(1, stdout, [&] {
        c.err = printed(2, stderr, [&] { c.done = configure(stream_of(map), c.overrides); });
    });
    return c;
}

std::uint64_t distortion_at(const Samples<std::int16_t>& samples, int c, int x, int y, int w, int h) {
    std::uint64_t got = 0;
    const int stride = Samples<std::int16_t>::kStrides[c];
    CHECK(weighted_distortion(c, samples.org(c, x, y), stride, samples.cur(c, x, y), stride, w, h, got));
    return got;
}

}  // namespace

TEST(a_profile_acts_on_a_uniform_map_too) {
    const RawMap map = with_profiles(uniform_map(), 3, 1);
    const Configured c = configure_frequency(map, 0.5, "all");
    CHECK(c.done && active() && c.overrides.active);
    CHECK_EQ(c.overrides.min_qp_subdiv, 0);
    CHECK(c.out.find("IDSE frequency weights: 3 planes, gamma 0.5, floor 0.00390625, all\n") !=
          std::string::npos);
    CHECK(configure_frequency(map, 0.5, "all", "none").done && active());
    // Without effect it is as if there were none.
    CHECK(configure_frequency(map, 0, "all").out == "IDSE weight map is uniform: not used\n" && !active());
    CHECK(configure_frequency(map, 0.5, "none").done && !active());
    RawMap flat = map;
    std::fill(flat.profiles.begin(), flat.profiles.end(), 3.f);
    CHECK(configure_frequency(flat, 0.5, "all").done && !active());
}

TEST(the_options_defaults_are_the_encoders) {
    const Options defaults;
    const WeightShaping shaping;
    CHECK(defaults.tau == shaping.tau && defaults.exponent == shaping.exponent);
    CHECK(defaults.clip_qp == shaping.clip_qp && defaults.gamma == shaping.gamma);
    CHECK(defaults.profile_floor == shaping.profile_floor);
}

// A frame, or a plane, whose profile is flat is coded as without one, to the last bit.
TEST(a_flat_profile_is_none_among_others) {
    const RawMap plain = random_map(kWidth, kHeight, 3, 3, 3, 31);
    RawMap map = with_profiles(plain, 3, 7);
    const auto flatten = [&](int frame, int c) {
        std::fill_n(map.profiles.begin() + (frame * 3 + c) * 64, 64, 0.2f);
    };
    for (int c = 0; c < 3; c++) flatten(1, c);
    flatten(2, 0);
    const Samples<std::int16_t> samples(8);
    for (int frame = 0; frame < 3; frame++)
        for (int c = 0; c < 3; c++) {
            const bool flat = frame == 1 || (frame == 2 && c == 0);
            CHECK(configure_with(plain).done);
            samples.start(frame);
            const std::uint64_t without = distortion_at(samples, c, 8, 8, 16, 8);
            CHECK(configure_frequency(map, 1, "all").done);
            samples.start(frame);
            CHECK((distortion_at(samples, c, 8, 8, 16, 8) == without) == flat);
            CHECK((level_weights(c, 8, 8) == nullptr) == flat);
        }
}

TEST(distortion_counts_frequencies_where_the_scope_says) {
    const RawMap map = with_profiles(random_map(kWidth, kHeight, 2, 3, 3, 21), 3, 2);
    const Samples<std::int16_t> samples(6);
    for (int frame = 0; frame < 2; frame++)
        for (int c = 0; c < 3; c++) {
            configure_frequency(map, 0.5, "none");
            samples.start(frame);
            const std::uint64_t plain = distortion_at(samples, c, 8, 8, 16, 8);
            configure_frequency(map, 0.5, "quant");
            samples.start(frame);
            CHECK_EQ(distortion_at(samples, c, 8, 8, 16, 8), plain);
            configure_frequency(map, 0.5, "rdo");
            samples.start(frame);
            const std::uint64_t rdo = distortion_at(samples, c, 8, 8, 16, 8);
            // White noise has the profile's mean weight, well below 1.
            double mean = 0;
            WeightShaping shaping;
            shaping.gamma = 0.5;
            const FrequencyGains gains(map.profile(frame, c), shaping, "plane");
            for (int i = 0; i < 64; i++) mean += std::pow(gains.entry(i % 8, i / 8), 2) / 64;
            CHECK(mean < 0.8);
            CHECK(std::abs(double(rdo) / double(plain) / mean - 1) < 0.35);
        }
}

TEST(the_level_choice_has_its_table_while_a_block_is_quantised) {
    const RawMap map = with_profiles(random_map(kWidth, kHeight, 1, 3, 1, 22), 3, 3);
    TransformUnit unit;
    unit.blocks = {{8, 0, 16, 8}, {4, 0, 4, 4}, {4, 0, 4, 4}};
    Quant quant;
    for (const char* scope : {"all", "quant", "rdo", "none"}) {
        configure_frequency(map, 0.7, scope);
        const bool acts = scope[0] == 'a' || scope[0] == 'q';
        CHECK_EQ(frequency_levels(), acts);
        HookedPicture hooked;
        start_picture_of(hooked.picture);
        for (ComponentID c : {COMPONENT_Y, COMPONENT_Cr}) {
            {
                const QuantLambda lambda(quant, unit, c, true);
                CHECK((current_level_weights() != nullptr) == acts);
                WeightShaping shaping;
                shaping.gamma = 0.7;
                const FrequencyGains gains(map.profile(0, c), shaping, "plane");
                const int w = int(unit.blocks[c].width), h = int(unit.blocks[c].height);
                for (int y = 0; y < h; y++)
                    for (int x = 0; x < w; x++) {
                        const double expected = acts ? frequency_weight(gains, x, y, w, h) / 4096.0 : 1.0;
                        CHECK(level_weight(unsigned(y * w + x)) == expected);
                    }
                CHECK((sign_hiding_extra(-30, 0, 1) != 0) == acts);
            }
            CHECK(current_level_weights() == nullptr && level_weight(3) == 1);
            CHECK_EQ(sign_hiding_extra(-30, 0, 1), 0);
            const QuantLambda not_dct(quant, unit, c, false);
            CHECK(current_level_weights() == nullptr);
        }
    }
    configure_with("", Stream());
    CHECK(!frequency_levels() && level_weights(0, 8, 8) == nullptr);
}

TEST(a_step_that_follows_the_weight_leaves_sign_hiding_as_it_was) {
    const double table[2] = {1.0 / 16, 0.25};
    current_level_weights() = table;
    for (int delta : {-128, -31, 0, 77, 128}) {
        CHECK_EQ(sign_hiding_extra(delta, 0, 4), 0);
        CHECK_EQ(sign_hiding_extra(delta, 1, 1), (128 + delta) / 4 - 128 - delta);
    }
    current_level_weights() = nullptr;
}

TEST(wrong_profiles_are_refused_before_the_first_picture) {
    const RawMap map = with_profiles(random_map(kWidth, kHeight, 2, 3, 1, 23), 1, 4);
    const auto with_value = [&](std::size_t index, float value) {
        RawMap other = map;
        other.profiles[index] = value;
        return configure_frequency(other, 0.5, "all");
    };
    CHECK(refused(with_value(70, std::numeric_limits<float>::infinity()), "frequency profile"));
    CHECK(refused(with_value(127, -1.f), "negative"));
    RawMap zero = map;
    std::fill(zero.profiles.begin() + 64, zero.profiles.end(), 0.f);
    CHECK(refused(configure_frequency(zero, 0.5, "all"), "all zero at the lowest"));
    CHECK(refused(configure_frequency(map, 2.1, "all"), "IDSEGamma"));
    CHECK(refused(configure_frequency(map, -0.1, "all"), "IDSEGamma"));
    CHECK(refused(configure_frequency(map, std::nan(""), "all"), "IDSEGamma: must be 0..2"));
    for (double floor : {0.0, 1.1, std::nan("")})
        CHECK(refused(configure_frequency(map, 0.5, "all", "all", floor),
                      "IDSEProfileFloor: must be 1/4096..1"));
    CHECK(refused(configure_frequency(map, 0.5, "sse"), "IDSEFrequency"));
    CHECK(configure_frequency(map, 2, "all", "all", 1.0 / 4096).done && active());
}
