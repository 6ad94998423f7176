// The syntax elements of coding tree, coding unit and transform unit, except residuals (clauses 7.3.11.4 to
// 7.3.11.10), for writer and counter alike. Each function takes values already derived; which of them is
// called when is the tree's business.
#pragma once

#include <algorithm>
#include <cstdlib>

#include "../predict/intra_modes.h"
#include "../tree/partition.h"
#include "../types.h"
#include "cabac.h"

namespace idse::vvc {

// The neighbours that choose the contexts of a split: the coding blocks of the same tree that cover the
// samples left of and above the node's top left sample.
struct SplitNeighbours {
    bool left_available = false;
    bool above_available = false;
    int left_height = 0;  // luma samples, as the node's own size
    int above_width = 0;
    int left_qt_depth = 0;
    int above_qt_depth = 0;
};

// Clause 9.3.4.2.2 and table 133. area: the node's, luma samples. Call each only where its element is
// present.
template <class Coder>
void code_split_cu_flag(Coder& coder, bool split, const SplitNeighbours& n, const Block& area,
                        const AllowedSplits& allowed) {
    const int smaller =
        int(n.left_available && n.left_height < area.h) + int(n.above_available && n.above_width < area.w);
    const int choices = int(allowed.bt_ver) + int(allowed.bt_hor) + int(allowed.tt_ver) +
                        int(allowed.tt_hor) + 2 * int(allowed.qt);
    coder.bin(split, ctx::kSplitCuFlag + smaller + 3 * (std::max(0, choices - 1) >> 1));
}

template <class Coder>
void code_split_qt_flag(Coder& coder, bool quad, const SplitNeighbours& n, int qt_depth) {
    const int deeper = int(n.left_available && n.left_qt_depth > qt_depth) +
                       int(n.above_available && n.above_qt_depth > qt_depth);
    coder.bin(quad, ctx::kSplitQtFlag + deeper + (qt_depth >= 2 ? 3 : 0));
}

inline int mtt_vertical_ctx(const SplitNeighbours& n, const Block& area, const AllowedSplits& allowed) {
    const int vertical = int(allowed.bt_ver) + int(allowed.tt_ver);
    const int horizontal = int(allowed.bt_hor) + int(allowed.tt_hor);
    if (vertical != horizontal) return ctx::kMttSplitVertical + (vertical > horizontal ? 4 : 3);
    if (!n.left_available || !n.above_available) return ctx::kMttSplitVertical;
    const int above = area.w / n.above_width;
    const int left = area.h / n.left_height;
    return ctx::kMttSplitVertical + (above == left ? 0 : above < left ? 1 : 2);
}

// mtt_split_cu_vertical_flag, mtt_split_cu_binary_flag where not implied; split: binary or ternary.
template <class Coder>
void code_mtt_split(Coder& coder, Split split, const SplitNeighbours& n, const Block& area, int mtt_depth,
                    const AllowedSplits& allowed) {
    const bool vertical = split == Split::kBtVer || split == Split::kTtVer;
    if ((allowed.bt_ver || allowed.tt_ver) && (allowed.bt_hor || allowed.tt_hor))
        coder.bin(vertical, mtt_vertical_ctx(n, area, allowed));
    if (vertical ? allowed.bt_ver && allowed.tt_ver : allowed.bt_hor && allowed.tt_hor)
        coder.bin(split == Split::kBtVer || split == Split::kBtHor,
                  ctx::kMttSplitBinary + (vertical ? 2 : 0) + int(mtt_depth <= 1));
}

// Truncated binary (clause 9.3.3.4) of value < count.
template <class Coder>
void code_truncated_binary(Coder& coder, int value, int count) {
    int bits = 0;
    while ((2 << bits) <= count) bits++;
    const int shorter = (2 << bits) - count;  // how many values take only `bits` bins
    if (value < shorter) {
        if (bits) coder.bypass_bits(unsigned(value), bits);
    } else {
        coder.bypass_bits(unsigned(value + shorter), bits + 1);
    }
}

// intra_luma_mpm_flag, intra_luma_not_planar_flag, intra_luma_mpm_idx, intra_luma_mpm_remainder. Without ISP
// and MRL.
template <class Coder>
void code_luma_mode(Coder& coder, LumaModeCode code) {
    const bool mpm = code.mpm_idx >= 0;
    coder.bin(mpm, ctx::kIntraLumaMpmFlag);
    if (!mpm) {
        code_truncated_binary(coder, code.mpm_remainder, 61);
        return;
    }
    coder.bin(code.mpm_idx > 0, ctx::kIntraLumaPlanarFlag + 1);
    for (int i = 1; i < std::min(code.mpm_idx, 5); i++) coder.bypass(1);
    if (code.mpm_idx > 0 && code.mpm_idx < 5) coder.bypass(0);
}

// cclm_mode_flag, cclm_mode_idx, intra_chroma_pred_mode. mode: the final one; derived: it was taken over from
// luma's, `dm`; cclm_allowed: sps_cclm_enabled_flag and CclmEnabled.
template <class Coder>
void code_chroma_mode(Coder& coder, int mode, bool derived, int dm, bool cclm_allowed) {
    const bool cclm = mode >= kLtCclm;
    if (cclm_allowed) {
        coder.bin(cclm, ctx::kCclmModeFlag);
        if (cclm) {
            coder.bin(mode != kLtCclm, ctx::kCclmModeIdx);
            if (mode != kLtCclm) coder.bypass(mode == kTCclm);
            return;
        }
    }
    coder.bin(!derived, ctx::kIntraChromaPredMode);
    if (derived) return;
    const std::array<int, 4> list = explicit_chroma_modes(dm);
    coder.bypass_bits(unsigned(std::find(list.begin(), list.end(), mode) - list.begin()), 2);
}

// tu_y_coded_flag, tu_cb_coded_flag, tu_cr_coded_flag; the last one's context depends on Cb's flag.
template <class Coder>
void code_tu_y_coded_flag(Coder& coder, bool coded) {
    coder.bin(coded, ctx::kTuYCodedFlag);
}
template <class Coder>
void code_tu_cb_coded_flag(Coder& coder, bool coded) {
    coder.bin(coded, ctx::kTuCbCodedFlag);
}
template <class Coder>
void code_tu_cr_coded_flag(Coder& coder, bool coded, bool cb_coded) {
    coder.bin(coded, ctx::kTuCrCodedFlag + int(cb_coded));
}

// transform_skip_flag: present for w, h <= 32 where sps_transform_skip_enabled_flag.
template <class Coder>
void code_transform_skip_flag(Coder& coder, bool skip, bool luma) {
    coder.bin(skip, ctx::kTransformSkipFlag + int(!luma));
}

// cu_qp_delta_abs: truncated unary of 5, then 0th order Exp-Golomb; cu_qp_delta_sign_flag. difference: QP
// minus prediction, which counts modulo 64 + QpBdOffset so that CuQpDeltaVal stays in its range.
template <class Coder>
void code_cu_qp_delta(Coder& coder, int difference) {
    constexpr int kPeriod = 64 + kQpBdOffset;
    const int delta = difference < -(kPeriod / 2) ? difference + kPeriod
                      : difference >= kPeriod / 2 ? difference - kPeriod
                                                  : difference;
    const int abs = std::abs(delta);
    for (int i = 0; i < 5 && i <= abs; i++) coder.bin(abs > i, ctx::kCuQpDeltaAbs + int(i > 0));
    if (abs >= 5) {
        int rest = abs - 5, k = 0;
        for (; rest >= 1 << k; k++) {
            coder.bypass(1);
            rest -= 1 << k;
        }
        coder.bypass(0);
        if (k) coder.bypass_bits(unsigned(rest), k);
    }
    if (abs) coder.bypass(delta < 0);
}

}  // namespace idse::vvc
