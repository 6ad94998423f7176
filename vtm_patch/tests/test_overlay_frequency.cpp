// Weights over frequency in the overlay: options, distortion, level choice.
#include <algorithm>
#include <cmath>
#include <limits>

#include "check.h"
#include "configured.h"
#include "frequency_weight.h"

using namespace idse::vtm;
using namespace idse::test;
using idse::vvc::FrequencyGains;
using idse::vvc::WeightShaping;

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
