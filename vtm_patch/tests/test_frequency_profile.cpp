#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "frequency_profile.h"
#include "level_weights.h"

using namespace idse::vtm;

namespace {

std::vector<float> random_profile(unsigned seed) {
    std::mt19937 rng(seed);
    std::vector<float> raw(kProfileSize);
    for (float& p : raw) p = float(std::exp(double(rng() % 1000) / 100 - 8));
    return raw;
}

std::string complaint(const std::vector<float>& raw, const ProfileShaping& shaping = {}) {
    try {
        FrequencyProfile(raw.data(), shaping);
        check_profile_shaping(shaping);
    } catch (const std::exception& e) {
        return e.what();
    }
    return "";
}

}  // namespace

TEST(weights_are_powers_relative_to_the_lowest_frequencies) {
    for (double gamma : {0.25, 0.5, 1.0, 2.0})
        for (double floor : {1.0 / 4096, 1.0 / 256, 0.1, 1.0}) {
            const std::vector<float> raw = random_profile(unsigned(gamma * 4));
            const FrequencyProfile profile(raw.data(), {gamma, floor});
            double lowest = 0;
            for (int v = 0; v < 3; v++)
                for (int u = 0; u < 3; u++) lowest += double(raw[std::size_t(v * 8 + u)]) / 9;
            bool at_floor = false, at_top = false;
            for (int v = 0; v < 8; v++)
                for (int u = 0; u < 8; u++) {
                    const double h = std::min(
                        16.0, std::max(floor, std::pow(raw[std::size_t(v * 8 + u)] / lowest, gamma)));
                    CHECK(std::abs(profile.gain(u, v, 8, 8) - std::sqrt(h)) < 1e-9);
                    CHECK(std::abs(double(profile.weight(u, v, 8, 8)) - h * 4096) <= 0.5001);
                    at_floor |= h == floor;
                    at_top |= h == 16;
                }
            if (floor == 1) CHECK(at_floor);
            if (gamma == 2) CHECK(at_top);
        }
}

TEST(the_scale_of_a_profile_has_no_effect) {
    std::vector<float> raw = random_profile(3);
    const FrequencyProfile one(raw.data(), {});
    for (float& p : raw) p *= 1024;
    const FrequencyProfile other(raw.data(), {});
    for (int i = 0; i < 64; i++) CHECK(one.gain(i % 8, i / 8, 8, 8) == other.gain(i % 8, i / 8, 8, 8));
}

TEST(other_sizes_are_read_between_the_entries) {
    const std::vector<float> raw = random_profile(4);
    const FrequencyProfile profile(raw.data(), {});
    const auto entry = [&](int u, int v) { return profile.gain(u, v, 8, 8); };
    // 4 samples: in the middle of two entries. 16: at quarters, and the ends stay.
    for (int v = 0; v < 8; v++)
        for (int x = 0; x < 4; x++)
            CHECK(std::abs(profile.gain(x, v, 4, 8) - (entry(2 * x, v) + entry(2 * x + 1, v)) / 2) < 1e-12);
    CHECK(std::abs(profile.gain(1, 2, 4, 4) - (entry(2, 4) + entry(3, 4) + entry(2, 5) + entry(3, 5)) / 4) <
          1e-12);
    CHECK(std::abs(profile.gain(0, 3, 1, 8) - (entry(3, 3) + entry(4, 3)) / 2) < 1e-12);
    CHECK(std::abs(profile.gain(1, 1, 2, 2) - (entry(5, 5) + entry(6, 5) + entry(5, 6) + entry(6, 6)) / 4) <
          1e-12);
    CHECK(std::abs(profile.gain(0, 5, 16, 8) - entry(0, 5)) < 1e-12);
    CHECK(std::abs(profile.gain(15, 5, 16, 8) - entry(7, 5)) < 1e-12);
    CHECK(std::abs(profile.gain(5, 5, 16, 8) - (0.75 * entry(2, 5) + 0.25 * entry(3, 5))) < 1e-12);
    CHECK(std::abs(profile.gain(63, 63, 64, 64) - entry(7, 7)) < 1e-12);
}

TEST(level_weights_have_all_sizes) {
    const std::vector<float> raw = random_profile(5);
    const FrequencyProfile profile(raw.data(), {});
    const LevelWeights levels(profile);
    for (int w = 1; w <= 64; w *= 2)
        for (int h = 1; h <= 64; h *= 2) {
            const double* table = levels.of(w, h);
            CHECK(table != nullptr);
            for (int i = 0; i < w * h; i++) CHECK(table[i] == profile.weight(i % w, i / w, w, h) / 4096.0);
        }
    CHECK(levels.of(12, 8) == nullptr && levels.of(8, 128) == nullptr && levels.of(0, 4) == nullptr);
    CHECK(LevelWeights().of(8, 8) == nullptr);
}

TEST(without_effect_a_profile_is_plain) {
    const std::vector<float> raw = random_profile(6);
    CHECK(FrequencyProfile().is_plain());
    CHECK(FrequencyProfile(raw.data(), {0, 1.0 / 256}).is_plain());
    CHECK(!FrequencyProfile(raw.data(), {}).is_plain());
    CHECK(FrequencyProfile(std::vector<float>(64, 7.f).data(), {}).is_plain());
}

TEST(what_is_no_profile_is_refused) {
    const std::vector<float> raw = random_profile(7);
    CHECK(complaint(raw).empty());
    for (float wrong : {-1e-20f, std::numeric_limits<float>::infinity(), std::nanf("")})
        for (std::size_t at : {0, 31, 63}) {
            std::vector<float> other = raw;
            other[at] = wrong;
            CHECK(complaint(other).find("negative or not finite") != std::string::npos);
        }
    std::vector<float> high(64, 1.f);
    for (int v = 0; v < 3; v++)
        for (int u = 0; u < 3; u++) high[std::size_t(v * 8 + u)] = 0;
    CHECK(complaint(high).find("all zero at the lowest") != std::string::npos);
    high[18] = 1e-30f;  // any is enough
    CHECK(complaint(high).empty());
    const double nan = std::nan("");
    for (const ProfileShaping& shaping :
         {ProfileShaping{-0.1, 0.1}, {2.1, 0.1}, {nan, 0.1}, {1, 0}, {1, 1.1}, {1, nan}})
        CHECK(complaint(raw, shaping).find("IDSE") == 0);
}
