// Basic types shared by every room of the encoder.
#pragma once

#include <cstddef>
#include <cstdint>

namespace idse::vvc {

using Sample = std::uint16_t;   // one coded sample, always kBitDepth bits
using Residual = std::int16_t;  // original minus prediction, or its reconstruction
using Coeff = std::int32_t;     // transform coefficient, clipped to 16 bits signed (CoeffMinY..CoeffMaxY)
using Level = std::int16_t;     // quantised coefficient (TransCoeffLevel); the encoder keeps |level| <= 16383

// Everything is coded with 10 bits, whatever the input's depth (Main 10).
inline constexpr int kBitDepth = 10;
inline constexpr int kMaxSample = (1 << kBitDepth) - 1;
inline constexpr int kQpBdOffset = 6 * (kBitDepth - 8);  // QpBdOffset, clause 7.4.3.4
inline constexpr int kMaxTbSize = 64;                    // MaxTbSizeY
inline constexpr int kMinCbSize = 4;                     // MinCbSizeY
inline constexpr int kUnit = 4;  // side of a cell of the per-picture grids, luma samples
inline constexpr int kUnitLog2 = 2;

enum class Component : std::uint8_t { kY = 0, kCb = 1, kCr = 2 };
enum class ChromaFormat : std::uint8_t { k400 = 0, k420 = 1 };  // sps_chroma_format_idc

inline constexpr bool is_luma(Component c) {
    return c == Component::kY;
}

// Intra prediction modes, clause 8.4.2: 0 planar, 1 DC, 2..66 angular, 81..83 CCLM.
inline constexpr int kPlanar = 0;
inline constexpr int kDc = 1;
inline constexpr int kHorizontal = 18;
inline constexpr int kDiagonal = 34;
inline constexpr int kVertical = 50;
inline constexpr int kVerticalDiagonal = 66;
inline constexpr int kLtCclm = 81;
inline constexpr int kLCclm = 82;
inline constexpr int kTCclm = 83;

// A rectangle of one plane, in samples of that plane.
struct Block {
    int x = 0;
    int y = 0;
    int w = 0;
    int h = 0;
};

}  // namespace idse::vvc
