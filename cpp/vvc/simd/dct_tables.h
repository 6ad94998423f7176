// The numbers of the standard's DCT-II (clause 8.7.4.4), and the matrices of each size made of them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace idse::vvc {

inline constexpr int kMaxCodedSide = 32;  // coefficients at 32 and beyond are zero

// First column of the 64-point matrix: about 64 sqrt(2) cos(pi k / 128); all its other entries are these with
// a sign. (k = 0 is 64.)
inline constexpr std::array<std::int8_t, 64> kDct2FirstColumn = {
    64, 91, 90, 90, 90, 90, 90, 90, 89, 88, 88, 87, 87, 86, 85, 84, 83, 83, 82, 81, 80, 79,
    78, 77, 75, 73, 73, 71, 70, 69, 67, 65, 64, 62, 61, 59, 57, 56, 54, 52, 50, 48, 46, 44,
    43, 41, 38, 37, 36, 33, 31, 28, 25, 24, 22, 20, 18, 15, 13, 11, 9,  7,  4,  2};

// Entry of row (frequency) k, column (sample) n of the n_points-point matrix.
constexpr int dct2_entry(int n_points, int k, int n) {
    if (k == 0) return 64;
    int angle = (k * (64 / n_points) * (2 * n + 1)) & 255;  // of 256 for a whole turn
    if (angle > 128) angle = 256 - angle;
    return angle < 64 ? kDct2FirstColumn[size_t(angle)] : -int(kDct2FirstColumn[size_t(128 - angle)]);
}

// forward[k][n] for the coded frequencies; inverse[n] lists the same by sample: even frequencies first, then
// the odd ones, for the samples of the first half (the second half mirrors them).
template <int N>
struct Dct2Matrix {
    static constexpr int kCoded = N < kMaxCodedSide ? N : kMaxCodedSide;
    alignas(16) std::int16_t forward[kCoded][N];
    alignas(16) std::int16_t inverse_even[N / 2][kCoded / 2];
    alignas(16) std::int16_t inverse_odd[N / 2][kCoded / 2];
};

template <int N>
constexpr Dct2Matrix<N> make_dct2_matrix() {
    Dct2Matrix<N> m{};
    for (int k = 0; k < Dct2Matrix<N>::kCoded; k++)
        for (int n = 0; n < N; n++) {
            const auto entry = std::int16_t(dct2_entry(N, k, n));
            m.forward[k][n] = entry;
            if (n < N / 2) (k % 2 ? m.inverse_odd : m.inverse_even)[n][k / 2] = entry;
        }
    return m;
}

extern const Dct2Matrix<4> kDct2Matrix4;
extern const Dct2Matrix<8> kDct2Matrix8;
extern const Dct2Matrix<16> kDct2Matrix16;
extern const Dct2Matrix<32> kDct2Matrix32;
extern const Dct2Matrix<64> kDct2Matrix64;

}  // namespace idse::vvc
