#include "frequency_profile.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "vvc/rd_types.h"
#include "vvc/weights/fixed_math.h"

namespace idse {
namespace vtm {

namespace {

constexpr int kLowest = 3;  // a profile is relative to its mean over so many lowest frequencies
constexpr double kGreatestWeight = 16;
constexpr double kLeastRatio = 1e-12;  // what a zero of the profile counts as; the floor is far above

// The table's entry below coefficient `index` of `size`, and the share of the next.
int entry_below(int index, int size, double& share) {
    const double at = std::clamp((index + 0.5) * kProfileSide / size - 0.5, 0.0, double(kProfileSide - 1));
    const int below = std::min(int(at), kProfileSide - 2);
    share = at - below;
    return below;
}

}  // namespace

void check_profile_shaping(const ProfileShaping& shaping) {
    if (!(shaping.gamma >= 0 && shaping.gamma <= 2)) throw std::invalid_argument("IDSEGamma: must be 0..2");
    if (!(shaping.floor >= 1.0 / 4096 && shaping.floor <= 1))
        throw std::invalid_argument("IDSEProfileFloor: must be 1/4096..1");
}

FrequencyProfile::FrequencyProfile(const float* raw, const ProfileShaping& shaping) {
    double lowest = 0;
    for (int i = 0; i < kProfileSize; i++) {
        if (!std::isfinite(raw[i]) || raw[i] < 0)
            throw std::runtime_error(
                "the weight map's frequency profile has a value that is negative or not finite; make the map "
                "again");
        if (i % kProfileSide < kLowest && i / kProfileSide < kLowest) lowest += double(raw[i]);
    }
    lowest /= kLowest * kLowest;
    if (!(lowest > 0))
        throw std::runtime_error(
            "the weight map's frequency profile is all zero at the lowest frequencies; make the map again");
    for (int i = 0; i < kProfileSize; i++) {
        const double ratio = std::max(double(raw[i]) / lowest, kLeastRatio);
        const double weight = idse::vvc::portable_exp2(shaping.gamma * idse::vvc::portable_log2(ratio));
        gains_[std::size_t(i)] = std::sqrt(std::clamp(weight, shaping.floor, kGreatestWeight));
    }
}

double FrequencyProfile::gain(int x, int y, int w, int h) const {
    double a = 0, b = 0;
    const int u = entry_below(x, w, a), v = entry_below(y, h, b);
    return (1 - b) * ((1 - a) * entry(u, v) + a * entry(u + 1, v)) +
           b * ((1 - a) * entry(u, v + 1) + a * entry(u + 1, v + 1));
}

unsigned FrequencyProfile::weight(int x, int y, int w, int h) const {
    const double g = gain(x, y, w, h);
    return unsigned(std::max(1L, std::lround(g * g * double(1 << idse::vvc::kWeightShift))));
}

bool FrequencyProfile::is_plain() const {
    return std::all_of(gains_.begin(), gains_.end(), [](double g) { return g == 1; });
}

}  // namespace vtm
}  // namespace idse
