// The weights over frequency of one plane: shaped, and read at the coefficients of any transform size.
#pragma once

#include <array>

#include "../settings.h"
#include "frame_weights.h"

namespace idse::vvc {

inline constexpr int kLowestProfile = 3;  // a profile is relative to its mean over this many lowest ones
inline constexpr double kMaxFrequencyWeight = 16;

// Gains of the plane's DCT-II frequencies: square roots of their weights, [vertical][horizontal]. A weight is
// about 1 at the lowest frequencies, so that a QP means there what it means without.
class FrequencyGains {
  public:
    FrequencyGains() { gains_.fill(1.0); }
    // raw: kProfileSize^2 values >= 0. p <- p / mean of the lowest; weight = p^gamma, clipped to
    // profile_floor .. kMaxFrequencyWeight. name: of the plane, for messages. Throws EncodeError.
    FrequencyGains(const float* raw, const WeightShaping& shaping, const char* name);

    // Gain of coefficient (x, y) of a w x h block: bilinear between the entries, each in the middle of its
    // eighth of the block's frequencies.
    double at(int x, int y, int w, int h) const;
    // Do all frequencies weigh the same?
    bool is_flat() const { return *this == FrequencyGains(); }
    friend bool operator==(const FrequencyGains& a, const FrequencyGains& b) { return a.gains_ == b.gains_; }
    // Entry of the table itself.
    double entry(int u, int v) const { return gains_[size_t(v * kProfileSize + u)]; }

  private:
    std::array<double, size_t(kProfileSize) * kProfileSize> gains_;
};

}  // namespace idse::vvc
