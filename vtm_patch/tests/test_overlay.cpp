#include <algorithm>
#include <cmath>
#include <limits>

#include "check.h"
#include "configured.h"
#include "hooks.h"
#include "made_up.h"
#include "overlay.h"
#include "picture_weights.h"
#include "vvc/search/set_weights.h"

using namespace idse::vtm;
using namespace idse::test;
using idse::vvc::ChromaFormat;
using idse::vvc::ShapedWeights;
using idse::vvc::WeightShaping;

namespace {

RawMap with(RawMap map, std::size_t index, float value) {
    map.values[index] = value;
    return map;
}

ShapedWeights shaped_of(const RawMap& map, int frame) {
    return idse::vvc::shape_weights(map.frame(frame), map.width, map.height, ChromaFormat::k420, {});
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
