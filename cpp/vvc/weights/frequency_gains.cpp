#include "frequency_gains.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "../encode_error.h"
#include "fixed_math.h"

namespace idse::vvc {

namespace {

// Where entry 0..7 of the table lies for frequency `index` of `size`: the entry below, and the share of the
// next.
void locate(int index, int size, int& below, double& share) {
    const double at = std::clamp((index + 0.5) * kProfileSize / size - 0.5, 0.0, double(kProfileSize - 1));
    below = std::min(int(at), kProfileSize - 2);
    share = at - below;
}

}  // namespace

FrequencyGains::FrequencyGains(const float* raw, const WeightShaping& shaping, const char* name)
    : FrequencyGains() {
    double sum = 0;
    for (int v = 0; v < kProfileSize; v++)
        for (int u = 0; u < kProfileSize; u++) {
            const double value = double(raw[v * kProfileSize + u]);
            if (!std::isfinite(value) || value < 0)
                throw EncodeError(std::string("the frequency profile of ") + name +
                                  " holds a value that is negative or not finite; make the map again");
            if (u < kLowestProfile && v < kLowestProfile) sum += value;
        }
    const double mean = sum / (kLowestProfile * kLowestProfile);
    if (!(mean > 0))
        throw EncodeError(std::string("the frequency profile of ") + name +
                          " is all zero at the lowest frequencies; make the map again");
    // A flat profile is none, whatever rounding would leave.
    if (std::all_of(raw, raw + gains_.size(), [&](float value) { return value == raw[0]; })) return;
    for (size_t i = 0; i < gains_.size(); i++) {
        const double relative = std::max(double(raw[i]) / mean, 1e-12);
        const double weight = portable_exp2(shaping.gamma * portable_log2(relative));
        gains_[i] = std::sqrt(std::clamp(weight, shaping.profile_floor, kMaxFrequencyWeight));
    }
}

double FrequencyGains::at(int x, int y, int w, int h) const {
    int u, v;
    double a, b;
    locate(x, w, u, a);
    locate(y, h, v, b);
    return (1 - b) * ((1 - a) * entry(u, v) + a * entry(u + 1, v)) +
           b * ((1 - a) * entry(u, v + 1) + a * entry(u + 1, v + 1));
}

}  // namespace idse::vvc
