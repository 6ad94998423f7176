// Numbers of clause 8.4.5.2.13 (angular modes).
#pragma once

#include <array>
#include <cstdint>

namespace idse::vvc {

// |intraPredAngle| by the distance of the mode from horizontal or vertical, in 1/32 sample per row.
inline constexpr std::array<int, 32> kIntraPredAngle = {0,  1,  2,  3,   4,   6,   8,   10,  12,  14,  16,
                                                        18, 20, 23, 26,  29,  32,  35,  39,  45,  51,  57,
                                                        64, 73, 86, 102, 128, 171, 256, 341, 512, 1024};

// invAngle = Round(512 * 32 / angle).
constexpr int inverse_angle(int angle) {
    return angle == 0 ? 0 : (512 * 32 * 2 + angle) / (2 * angle);
}

// fC: the 4-tap cubic filter by fraction in 1/32.
inline constexpr std::int16_t kCubicFilter[32][4] = {
    {0, 64, 0, 0},    {-1, 63, 2, 0},   {-2, 62, 4, 0},   {-2, 60, 7, -1},  {-2, 58, 10, -2},
    {-3, 57, 12, -2}, {-4, 56, 14, -2}, {-4, 55, 15, -2}, {-4, 54, 16, -2}, {-5, 53, 18, -2},
    {-6, 52, 20, -2}, {-6, 49, 24, -3}, {-6, 46, 28, -4}, {-5, 44, 29, -4}, {-4, 42, 30, -4},
    {-4, 39, 33, -4}, {-4, 36, 36, -4}, {-4, 33, 39, -4}, {-4, 30, 42, -4}, {-4, 29, 44, -5},
    {-4, 28, 46, -6}, {-3, 24, 49, -6}, {-2, 20, 52, -6}, {-2, 18, 53, -5}, {-2, 16, 54, -4},
    {-2, 15, 55, -4}, {-2, 14, 56, -4}, {-2, 12, 57, -3}, {-2, 10, 58, -2}, {-1, 7, 60, -2},
    {0, 4, 62, -2},   {0, 2, 63, -1},
};

}  // namespace idse::vvc
