// The weights over frequency of one plane: shaped, and read at the coefficients of any transform size.
#pragma once

#include <array>
#include <cstddef>

namespace idse {
namespace vtm {

constexpr int kProfileSide = 8;  // profiles are over the DCT-II frequencies of 8x8 samples
constexpr int kProfileSize = kProfileSide * kProfileSide;

struct ProfileShaping {
    double gamma = 0.5;        // 0..2: power of the profile; 0 = every frequency weighs the same
    double floor = 1.0 / 256;  // 1/4096..1: least weight of a frequency
};
// Throws std::invalid_argument with a message for the user where a value is out of its range.
void check_profile_shaping(const ProfileShaping& shaping);

// Gains of a plane's frequencies: square roots of their weights. Weights are relative to the lowest
// frequencies, so that a QP means there what it means without.
class FrequencyProfile {
  public:
    FrequencyProfile() { gains_.fill(1.0); }
    // raw: kProfileSize values >= 0, rows of vertical frequency. p <- p / mean of the lowest 3x3; weight =
    // p^gamma, clipped to floor..16. Throws std::runtime_error where a value is negative or not finite, or
    // the lowest frequencies are all zero.
    FrequencyProfile(const float* raw, const ProfileShaping& shaping);

    // Gain of coefficient (x, y) of a w x h block: bilinear in the table at ((x + .5) * 8 / w - .5, the same
    // of y and h), both limited to 0..7.
    double gain(int x, int y, int w, int h) const;
    // Its square as fixed point, in units of 2^-12, at least 1.
    unsigned weight(int x, int y, int w, int h) const;
    // Whether every frequency weighs 1.
    bool is_plain() const;

  private:
    double entry(int u, int v) const { return gains_[std::size_t(v * kProfileSide + u)]; }

    std::array<double, std::size_t(kProfileSize)> gains_;
};

}  // namespace vtm
}  // namespace idse
