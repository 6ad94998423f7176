#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "frequency_weight.h"
#include "level_weights.h"

using namespace idse::vtm;
using idse::vvc::FrequencyGains;
using idse::vvc::WeightShaping;

namespace {

std::vector<float> random_profile(unsigned seed) {
    std::mt19937 rng(seed);
    std::vector<float> raw(64);
    for (float& p : raw) p = float(std::exp(double(rng() % 1000) / 100 - 8));
    return raw;
}

}  // namespace

TEST(weights_are_powers_relative_to_the_lowest_frequencies) {
    for (double gamma : {0.25, 0.5, 1.0, 2.0})
        for (double floor : {1.0 / 4096, 1.0 / 256, 0.1, 1.0}) {
            const std::vector<float> raw = random_profile(unsigned(gamma * 4));
            WeightShaping shaping;
            shaping.gamma = gamma;
            shaping.profile_floor = floor;
            const FrequencyGains gains(raw.data(), shaping, "luma");
            double lowest = 0;
            for (int v = 0; v < 3; v++)
                for (int u = 0; u < 3; u++) lowest += double(raw[std::size_t(v * 8 + u)]) / 9;
            bool at_floor = false, at_top = false;
            for (int v = 0; v < 8; v++)
                for (int u = 0; u < 8; u++) {
                    const double h = std::min(
                        16.0, std::max(floor, std::pow(raw[std::size_t(v * 8 + u)] / lowest, gamma)));
                    CHECK(std::abs(double(frequency_weight(gains, u, v, 8, 8)) - h * 4096) <= 0.5001);
                    at_floor |= h == floor;
                    at_top |= h == 16;
                }
            if (floor == 1) CHECK(at_floor);
            if (gamma == 2) CHECK(at_top);
        }
}

TEST(other_sizes_are_read_between_the_entries) {
    const std::vector<float> raw = random_profile(4);
    const FrequencyGains gains(raw.data(), WeightShaping(), "luma");
    const auto near = [&](int x, int y, int w, int h, double gain) {
        return std::abs(frequency_weight(gains, x, y, w, h) - gain * gain * 4096) <= 0.5001;
    };
    const auto entry = [&](int u, int v) { return gains.entry(u, v); };
    // Sides of 1 and 2, which only VTM has: in the middle of two entries. 16: at quarters, and the ends stay.
    CHECK(near(0, 3, 1, 8, (entry(3, 3) + entry(4, 3)) / 2));
    CHECK(near(1, 1, 2, 2, (entry(5, 5) + entry(6, 5) + entry(5, 6) + entry(6, 6)) / 4));
    CHECK(near(1, 2, 4, 4, (entry(2, 4) + entry(3, 4) + entry(2, 5) + entry(3, 5)) / 4));
    CHECK(near(0, 5, 16, 8, entry(0, 5)));
    CHECK(near(15, 5, 16, 8, entry(7, 5)));
    CHECK(near(5, 5, 16, 8, 0.75 * entry(2, 5) + 0.25 * entry(3, 5)));
    CHECK(near(63, 63, 64, 64, entry(7, 7)));
}

TEST(level_weights_have_all_sizes) {
    const std::vector<float> raw = random_profile(5);
    const FrequencyGains gains(raw.data(), WeightShaping(), "luma");
    const LevelWeights levels(gains);
    for (int w = 1; w <= 64; w *= 2)
        for (int h = 1; h <= 64; h *= 2) {
            const double* table = levels.of(w, h);
            CHECK(table != nullptr);
            for (int i = 0; i < w * h; i++)
                CHECK(table[i] == frequency_weight(gains, i % w, i / w, w, h) / 4096.0);
        }
    CHECK(levels.of(12, 8) == nullptr && levels.of(8, 128) == nullptr && levels.of(0, 4) == nullptr);
    CHECK(LevelWeights().of(8, 8) == nullptr);
}
