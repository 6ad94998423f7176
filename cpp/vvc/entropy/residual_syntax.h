// residual_coding() and residual_ts_coding() (clauses 7.3.11.11, 7.3.11.12) as bins, for writer and counter
// alike.
#pragma once

#include <cstdlib>
#include <cstring>

#include "../types.h"
#include "cabac.h"
#include "residual_contexts.h"

namespace idse::vvc {

struct ResidualShape {
    int log2_w = 2;
    int log2_h = 2;
    Component component = Component::kY;
    bool dependent_quant = false;
};

// levels: w*h, row-major, stride w; at least one is not zero; those at x or y >= 32 are zero.
template <class Coder>
void code_residual(Coder& coder, const Level* levels, const ResidualShape& shape);

// Transform-skip residual (w and h <= 32); never dependent quantisation, never sign hiding. No BDPCM.
template <class Coder>
void code_residual_ts(Coder& coder, const Level* levels, const ResidualShape& shape);

namespace residual_detail {

// Which subblocks hold a level that is not zero; returns the last of them in scan order, or -1.
int find_coded_groups(const Level* levels, const ScanOrder& scan, int log2_w, bool* coded);

// The neighbours' Template, packed so that a level is added to it by one addition: sum of min(|level|, 51) in
// bits 0..7 (5 * 51 fits, and the Rice parameter saturates at 51), sum_pass1 in bits 8..12, count in
// bits 13..15.
using PackedTemplate = std::uint16_t;
inline PackedTemplate pack(int abs_level) {
    return PackedTemplate(std::min(abs_level, 51) | (template_pass1(abs_level) << 8) | (1 << 13));
}
inline Template unpack(PackedTemplate t) {
    return {(t >> 8) & 31, t >> 13, t & 255};
}

// Templates of a block with two spare columns to the left and two spare rows above; the addition goes from a
// level to the positions that see it, so that positions after it in coding order find their sum ready.
class TemplateArray {
  public:
    TemplateArray(int w, int h) : stride_(w + 2) {
        std::memset(cells_.data(), 0, size_t(w + 2) * size_t(h + 2) * sizeof(PackedTemplate));
    }
    Template at(int position) const { return unpack(cells_[size_t(position)]); }
    void add(int position, int abs_level) {
        PackedTemplate* const cell = cells_.data() + position;
        const PackedTemplate packed = pack(abs_level);
        const auto add_to = [packed](PackedTemplate& c) { c = PackedTemplate(c + packed); };
        add_to(cell[-1]);
        add_to(cell[-2]);
        add_to(cell[-stride_]);
        add_to(cell[-stride_ - 1]);
        add_to(cell[-2 * stride_]);
    }

  private:
    int stride_;
    std::array<PackedTemplate, size_t((kMaxCodedTbSize + 2) * (kMaxCodedTbSize + 2))> cells_;
};

// Context offsets by d = x + y.
struct DiagonalOffsets {
    std::array<std::uint8_t, 2 * kMaxCodedTbSize> sig{};
    std::array<std::uint8_t, 2 * kMaxCodedTbSize> gtx{};
};
constexpr DiagonalOffsets make_diagonal_offsets(Component c) {
    DiagonalOffsets o;
    for (int d = 0; d < 2 * kMaxCodedTbSize; d++) {
        o.sig[size_t(d)] = std::uint8_t(sig_diagonal_offset(c, d));
        o.gtx[size_t(d)] = std::uint8_t(1 + gtx_diagonal_offset(c, d));
    }
    return o;
}
inline constexpr DiagonalOffsets kLumaOffsets = make_diagonal_offsets(Component::kY);
inline constexpr DiagonalOffsets kChromaOffsets = make_diagonal_offsets(Component::kCb);

template <class Coder>
void code_last_prefix(Coder& coder, int position, int log2_side, Component component, bool y) {
    const LastContexts c = last_contexts(log2_side, component, y);
    const int prefix = kLastPrefix[size_t(position)];
    for (int i = 0; i < prefix; i++) coder.bin(1, c.base + (i >> c.shift));
    if (prefix < max_last_prefix(log2_side)) coder.bin(0, c.base + (prefix >> c.shift));
}

template <class Coder>
void code_last_suffix(Coder& coder, int position) {
    const int prefix = kLastPrefix[size_t(position)];
    if (prefix > 3)
        coder.bypass_bits(unsigned(position - kLastPrefixFirst[size_t(prefix)]), last_suffix_bits(prefix));
}

template <class Coder>
void code_remainder(Coder& coder, int value, int rice) {
    const RemainderCode code = remainder_code(value, rice);
    coder.bypass_bits(code.prefix, code.prefix_bits);
    if (code.suffix_bits) coder.bypass_bits(code.suffix, code.suffix_bits);
}

// Flags of coded subblocks with a spare row and column on the side where neighbours are looked up.
using GroupFlags = std::array<std::uint8_t, 9 * 9>;
inline constexpr int kGroupFlagStride = 9;

}  // namespace residual_detail

template <class Coder>
void code_residual(Coder& coder, const Level* levels, const ResidualShape& shape) {
    using namespace residual_detail;
    const Component c = shape.component;
    const ScanOrder& scan = scan_order(shape.log2_w, shape.log2_h);
    bool nonzero[kMaxGroups];
    const int last_group = find_coded_groups(levels, scan, shape.log2_w, nonzero);
    if (last_group < 0) return;
    int last = last_group * kGroupSize + kGroupSize - 1;
    while (levels[scan.position[size_t(last)]] == 0) last--;

    const int last_x = scan.x[size_t(last)], last_y = scan.y[size_t(last)];
    code_last_prefix(coder, last_x, shape.log2_w, c, false);
    code_last_prefix(coder, last_y, shape.log2_h, c, true);
    code_last_suffix(coder, last_x);
    code_last_suffix(coder, last_y);

    const DiagonalOffsets& offsets = is_luma(c) ? kLumaOffsets : kChromaOffsets;
    const int gt1_base = gt1_ctx(c, 0), par_base = par_ctx(c, 0), gt3_base = gt3_ctx(c, 0);
    const int sig_base[4] = {sig_set_base(c, 0), sig_set_base(c, 1), sig_set_base(c, 2), sig_set_base(c, 3)};
    TemplateArray templates(std::min(1 << shape.log2_w, kMaxCodedTbSize),
                            std::min(1 << shape.log2_h, kMaxCodedTbSize));
    GroupFlags coded{};
    int budget = context_bin_budget(shape.log2_w, shape.log2_h);  // RemCcbs
    int state = 0;                                                // QState

    for (int g = last_group; g >= 0; g--) {
        std::uint8_t* const flag =
            coded.data() + scan.group_y[size_t(g)] * kGroupFlagStride + scan.group_x[size_t(g)];
        const bool is_last_group = g == last_group;
        if (!is_last_group && g > 0) {
            coder.bin(nonzero[g], sb_coded_ctx(c, flag[1] | flag[kGroupFlagStride]));
            if (!nonzero[g]) continue;
        }
        *flag = 1;

        const size_t base = size_t(g) * kGroupSize;
        int k = is_last_group ? last & (kGroupSize - 1) : kGroupSize - 1;
        // The position whose sig_coeff_flag is inferred if no level came before it.
        const int inferred = is_last_group ? k : g > 0 ? 0 : -1;
        bool any = false;
        unsigned signs = 0;
        int sign_count = 0;
        std::array<std::uint8_t, kGroupSize> large;  // positions with an abs_remainder
        int large_count = 0;

        for (; k >= 0 && budget >= 4; k--) {
            const size_t i = base + size_t(k);
            const int level = levels[scan.position[i]];
            const int a = std::abs(level);
            const size_t d = size_t(scan.x[i]) + scan.y[i];
            const Template t = templates.at(scan.template_position[i]);
            if (any || k != inferred) {
                coder.bin(a != 0, sig_base[state] + offsets.sig[d] + std::min((t.sum_pass1 + 1) >> 1, 3));
                budget--;
            }
            if (a) {
                const int offset = int(i) == last ? 0 : offsets.gtx[d] + std::min(t.sum_pass1 - t.count, 4);
                any = true;
                signs = (signs << 1) | unsigned(level < 0);
                sign_count++;
                coder.bin(a > 1, gt1_base + offset);
                budget--;
                if (a > 1) {
                    coder.bin(unsigned(a & 1), par_base + offset);
                    coder.bin(a > 3, gt3_base + offset);
                    budget -= 2;
                    if (a > 3) large[size_t(large_count++)] = std::uint8_t(k);
                }
                templates.add(scan.template_position[i], a);
            }
            if (shape.dependent_quant) state = next_quant_state(state, a);
        }
        for (int n = 0; n < large_count; n++) {
            const size_t i = base + large[size_t(n)];
            const int a = std::abs(int(levels[scan.position[i]]));
            code_remainder(coder, (a - 4) >> 1, rice_param(templates.at(scan.template_position[i]).sum, 4));
        }
        for (; k >= 0; k--) {
            const size_t i = base + size_t(k);
            const int level = levels[scan.position[i]];
            const int a = std::abs(level);
            const int rice = rice_param(templates.at(scan.template_position[i]).sum, 0);
            code_remainder(coder, dec_abs_level(a, zero_position(rice, state)), rice);
            if (a) {
                signs = (signs << 1) | unsigned(level < 0);
                sign_count++;
                templates.add(scan.template_position[i], a);
            }
            if (shape.dependent_quant) state = next_quant_state(state, a);
        }
        if (sign_count) coder.bypass_bits(signs, sign_count);
    }
}

template <class Coder>
void code_residual_ts(Coder& coder, const Level* levels, const ResidualShape& shape) {
    using namespace residual_detail;
    const int stride = 1 << shape.log2_w;
    const ScanOrder& scan = scan_order(shape.log2_w, shape.log2_h);
    bool nonzero[kMaxGroups];
    const int last_group = find_coded_groups(levels, scan, shape.log2_w, nonzero);
    if (last_group < 0) return;

    const auto left = [&](size_t i) { return scan.x[i] ? int(levels[scan.position[i] - 1]) : 0; };
    const auto above = [&](size_t i) { return scan.y[i] ? int(levels[scan.position[i] - stride]) : 0; };
    // What the flags of the first two passes code: the greater neighbour trades places with 1.
    const auto mapped = [&](size_t i) {
        const int a = std::abs(int(levels[scan.position[i]]));
        const int predicted = std::max(std::abs(left(i)), std::abs(above(i)));
        return a == 0 ? 0 : a == predicted ? 1 : a < predicted ? a + 1 : a;
    };

    GroupFlags coded{};
    bool any_group = false;
    int budget = context_bin_budget_ts(shape.log2_w, shape.log2_h);
    for (int g = 0; g < scan.groups; g++) {
        // One row and column further, so that left and above exist.
        std::uint8_t* const flag =
            coded.data() + (scan.group_y[size_t(g)] + 1) * kGroupFlagStride + scan.group_x[size_t(g)] + 1;
        if (g != scan.groups - 1 || any_group) {
            coder.bin(nonzero[g], ctx::kTsSbCodedFlag + flag[-1] + flag[-kGroupFlagStride]);
            if (!nonzero[g]) continue;
        }
        *flag = 1;
        any_group = true;

        const size_t base = size_t(g) * kGroupSize;
        bool any = false;
        int first_pass_end = 0;
        for (; first_pass_end < kGroupSize && budget >= 4; first_pass_end++) {
            const size_t i = base + size_t(first_pass_end);
            const int level = levels[scan.position[i]];
            const int l = left(i), u = above(i);
            const int neighbours = int(l != 0) + int(u != 0);
            if (any || first_pass_end != kGroupSize - 1) {
                coder.bin(level != 0, ctx::kTsSigCoeffFlag + neighbours);
                budget--;
            }
            if (level == 0) continue;
            any = true;
            const int sign_sum = int(l > 0) - int(l < 0) + int(u > 0) - int(u < 0);
            coder.bin(level < 0, ctx::kTsSignFlag + (sign_sum == 0 ? 0 : sign_sum > 0 ? 1 : 2));
            const int a = mapped(i);
            coder.bin(a > 1, ctx::kTsAbsLevelGt1 + neighbours);
            budget -= 2;
            if (a > 1) {
                coder.bin(unsigned(a & 1), ctx::kTsParLevel);
                budget--;
            }
        }
        int second_pass_end = 0;
        for (; second_pass_end < kGroupSize && budget >= 4; second_pass_end++) {
            const int a = mapped(base + size_t(second_pass_end));
            for (int j = 1; j <= 4 && a >= 2 * j; j++) {
                coder.bin(a >= 2 * j + 2, ctx::kTsAbsLevelGtx + j);
                budget--;
            }
        }
        for (int k = 0; k < kGroupSize; k++) {
            const size_t i = base + size_t(k);
            if (k >= first_pass_end) {
                const int level = levels[scan.position[i]];
                code_remainder(coder, std::abs(level), kTsRiceParam);
                if (level) coder.bypass(level < 0);
                continue;
            }
            const int start = k < second_pass_end ? 10 : 2;
            const int a = mapped(i);
            if (a >= start) code_remainder(coder, (a - start) >> 1, kTsRiceParam);
        }
    }
}

extern template void code_residual(BitCounter&, const Level*, const ResidualShape&);
extern template void code_residual(CabacWriter&, const Level*, const ResidualShape&);
extern template void code_residual_ts(BitCounter&, const Level*, const ResidualShape&);
extern template void code_residual_ts(CabacWriter&, const Level*, const ResidualShape&);

}  // namespace idse::vvc
