// What coding a residual and choosing its levels have in common: scan orders, context indices, Rice
// parameters (clauses 7.3.11.11, 9.3.3.2, 9.3.4.2.4 to 9.3.4.2.9).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "../types.h"
#include "context_tables.h"

namespace idse::vvc {

inline constexpr int kMaxCodedTbSize = 32;  // coefficients at x or y >= 32 are zero
inline constexpr int kGroupSize = 16;       // coefficients of a subblock
inline constexpr int kMaxGroups = 64;       // subblocks of the largest transform block

// Order of the coefficients of a transform block, first = DC. Levels are coded from the last one back to it.
// Blocks of two rows or columns (at least 16 samples) have subblocks of 8x2 or 2x8, others 4x4.
struct ScanOrder {
    int count = 0;   // coded coefficients: min(w, 32) * min(h, 32)
    int groups = 0;  // count / 16
    int log2_group_w = 2;
    int log2_group_h = 2;
    int groups_w = 1;                          // subblocks per row
    std::array<std::uint16_t, 1024> position;  // y * w + x
    std::array<std::uint16_t, 1024>
        template_position;  // (y + 2) * (min(w, 32) + 2) + x + 2: with room for neighbours
    std::array<std::uint8_t, 1024> x;
    std::array<std::uint8_t, 1024> y;
    std::array<std::uint8_t, kMaxGroups> group_x;  // in subblocks
    std::array<std::uint8_t, kMaxGroups> group_y;
};

// log2_w, log2_h: 1..6 with log2_w + log2_h >= 4. Thread-safe; the reference stays valid.
const ScanOrder& scan_order(int log2_w, int log2_h);

// Context-coded bins a block may use: RemCcbs at the start of residual_coding(); each position needs 4.
inline constexpr int context_bin_budget(int log2_w, int log2_h) {
    return (28 << (std::min(log2_w, 5) + std::min(log2_h, 5))) >> 4;
}
// The same of residual_ts_coding().
inline constexpr int context_bin_budget_ts(int log2_w, int log2_h) {
    return (7 << (log2_w + log2_h)) >> 2;
}

// last_sig_coeff_{x,y}_prefix of a position, first position and suffix length of a prefix (clause 7.4.12.11).
inline constexpr std::array<std::uint8_t, 32> kLastPrefix = {0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7,
                                                             8, 8, 8, 8, 8, 8, 8, 8, 9, 9, 9, 9, 9, 9, 9, 9};
inline constexpr std::array<std::uint8_t, 10> kLastPrefixFirst = {0, 1, 2, 3, 4, 6, 8, 12, 16, 24};
inline constexpr int last_suffix_bits(int prefix) {
    return prefix > 3 ? (prefix - 2) >> 1 : 0;
}
// Greatest prefix of a side: it has no terminating zero.
inline constexpr int max_last_prefix(int log2_side) {
    return kLastPrefix[size_t((1 << std::min(log2_side, 5)) - 1)];
}

// Contexts of last_sig_coeff_{x,y}_prefix: bin i uses base + (i >> shift). log2_side: of the whole block
// (2..6).
struct LastContexts {
    int base;
    int shift;
};
inline constexpr LastContexts last_contexts(int log2_side, Component c, bool y) {
    constexpr std::array<std::uint8_t, 7> kOffset = {0, 0, 0, 3, 6, 10, 15};
    if (is_luma(c))
        return {(y ? ctx::kLastSigCoeffYPrefix : ctx::kLastSigCoeffXPrefix) + kOffset[size_t(log2_side)],
                (log2_side + 1) >> 2};
    return {y ? ctx::kLastSigCoeffYPrefixChroma : ctx::kLastSigCoeffXPrefixChroma,
            std::min(2, (1 << log2_side) >> 3)};
}

// sb_coded_flag: is the subblock to the right or below coded?
inline constexpr int sb_coded_ctx(Component c, bool neighbour_coded) {
    return (is_luma(c) ? ctx::kSbCodedFlag : ctx::kSbCodedFlagChroma) + int(neighbour_coded);
}

// What the template of five already coded neighbours, (x+1,y) (x+2,y) (x+1,y+1) (x,y+1) (x,y+2), says.
// Outside the block a neighbour counts as zero.
struct Template {
    int sum_pass1 = 0;  // locSumAbsPass1: sum of template_pass1(|level|)
    int count = 0;      // locNumSig: levels that are not zero
    int sum = 0;        // sum of |level|, for the Rice parameter
};
// AbsLevelPass1 of a coefficient whose first pass was coded.
inline constexpr int template_pass1(int abs_level) {
    return std::min(4 + (abs_level & 1), abs_level);
}

// sig_coeff_flag: part by the distance d = x + y from DC, and the whole. state: 0 without dependent
// quantisation.
inline constexpr int sig_diagonal_offset(Component c, int d) {
    return is_luma(c) ? (d < 2 ? 8 : d < 5 ? 4 : 0) : (d < 2 ? 4 : 0);
}
inline constexpr int sig_set_base(Component c, int state) {
    return is_luma(c) ? ctx::kSigCoeffFlag + 12 * std::max(0, state - 1)
                      : ctx::kSigCoeffFlagChroma + 8 * std::max(0, state - 1);
}
inline constexpr int sig_ctx(Component c, int d, int state, int sum_pass1) {
    return sig_set_base(c, state) + sig_diagonal_offset(c, d) + std::min((sum_pass1 + 1) >> 1, 3);
}

// Offset that abs_level_gtx_flag and par_level_flag share; 0 at the last significant position.
inline constexpr int gtx_diagonal_offset(Component c, int d) {
    return is_luma(c) ? (d == 0 ? 15 : d < 3 ? 10 : d < 10 ? 5 : 0) : (d == 0 ? 5 : 0);
}
inline constexpr int gtx_offset(Component c, int d, int sum_pass1, int count) {
    return 1 + gtx_diagonal_offset(c, d) + std::min(sum_pass1 - count, 4);
}
inline constexpr int gt1_ctx(Component c, int offset) {
    return (is_luma(c) ? ctx::kAbsLevelGt1 : ctx::kAbsLevelGt1Chroma) + offset;
}
inline constexpr int par_ctx(Component c, int offset) {
    return (is_luma(c) ? ctx::kParLevel : ctx::kParLevelChroma) + offset;
}
inline constexpr int gt3_ctx(Component c, int offset) {
    return (is_luma(c) ? ctx::kAbsLevelGt3 : ctx::kAbsLevelGt3Chroma) + offset;
}

// cRiceParam by the neighbours' sum (clause 9.3.3.2): the base level is 4 for abs_remainder, 0 for
// dec_abs_level.
inline constexpr std::array<std::uint8_t, 32> kRiceParam = {0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2,
                                                            2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3};
inline constexpr int rice_param(int template_sum, int base_level) {
    return kRiceParam[size_t(std::clamp(template_sum - 5 * base_level, 0, 31))];
}
// ZeroPos: the value of dec_abs_level that means level 0 (levels 1..ZeroPos move down by one).
inline constexpr int zero_position(int rice, int state) {
    return (state < 2 ? 1 : 2) << rice;
}
inline constexpr int dec_abs_level(int abs_level, int zero_pos) {
    return abs_level == 0 ? zero_pos : abs_level <= zero_pos ? abs_level - 1 : abs_level;
}

// abs_remainder and dec_abs_level are limited Golomb-Rice codes of bypass bins (clause 9.3.3.11).
inline constexpr int kRemainderCutoff = 5;       // prefix ones of the Rice part
inline constexpr int kRemainderMaxPrefix = 12;   // more ones of the exponential part
inline constexpr int kRemainderEscapeBits = 15;  // log2TransformRange
inline constexpr int kTsRiceParam = 1;           // of transform-skip blocks
struct RemainderCode {
    std::uint32_t prefix;
    int prefix_bits;
    std::uint32_t suffix;
    int suffix_bits;
};
inline constexpr RemainderCode remainder_code(int value, int rice) {
    const std::uint32_t low = std::uint32_t(value) & ((1u << rice) - 1);
    const int high = value >> rice;
    if (high < kRemainderCutoff) return {(2u << high) - 2, high + 1, low, rice};
    const int code = high - kRemainderCutoff;
    int extra = 0;
    while (extra < kRemainderMaxPrefix && code > (2 << extra) - 2) extra++;
    const int prefix_bits = kRemainderCutoff + extra;
    const int suffix_bits = extra == kRemainderMaxPrefix ? kRemainderEscapeBits : extra + 1 + rice;
    return {(1u << prefix_bits) - 1, prefix_bits, (std::uint32_t(code - ((1 << extra) - 1)) << rice) | low,
            suffix_bits};
}
inline constexpr int remainder_bits(int value, int rice) {
    const int high = value >> rice;
    if (high < kRemainderCutoff) return high + 1 + rice;
    const RemainderCode c = remainder_code(value, rice);
    return c.prefix_bits + c.suffix_bits;
}

// Dependent quantisation: next state by the level's parity (clause 9.3.4.2.9's transition table 32040).
inline constexpr int next_quant_state(int state, int abs_level) {
    return (32040 >> ((state << 2) + ((abs_level & 1) << 1))) & 3;
}

}  // namespace idse::vvc
