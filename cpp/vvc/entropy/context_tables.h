// Where each syntax element's contexts lie in a ContextSet, and their initialisation (tables 51 to 127 of the
// standard, intra slices, i.e. initType 0).
#pragma once

#include <array>
#include <cstdint>

namespace idse::vvc {

struct ContextInit {
    std::uint8_t init_value;  // initValue: slope (bits 3..5) and offset (bits 0..2)
    std::uint8_t shift_idx;   // shiftIdx: the two adaptation rates
};

namespace ctx {

inline constexpr int kSplitCuFlag = 0;                         // split_cu_flag
inline constexpr int kSplitQtFlag = kSplitCuFlag + 9;          // split_qt_flag
inline constexpr int kMttSplitVertical = kSplitQtFlag + 6;     // mtt_split_cu_vertical_flag
inline constexpr int kMttSplitBinary = kMttSplitVertical + 5;  // mtt_split_cu_binary_flag
inline constexpr int kIntraLumaMpmFlag = kMttSplitBinary + 4;  // intra_luma_mpm_flag
inline constexpr int kIntraLumaPlanarFlag =
    kIntraLumaMpmFlag + 1;  // intra_luma_not_planar_flag: [0] with ISP, [1] without
inline constexpr int kCclmModeFlag = kIntraLumaPlanarFlag + 2;  // cclm_mode_flag
inline constexpr int kCclmModeIdx = kCclmModeFlag + 1;          // cclm_mode_idx
inline constexpr int kIntraChromaPredMode = kCclmModeIdx + 1;   // intra_chroma_pred_mode
inline constexpr int kTuYCodedFlag = kIntraChromaPredMode + 1;  // tu_y_coded_flag: [0]; [1] BDPCM; [2..3] ISP
inline constexpr int kTuCbCodedFlag = kTuYCodedFlag + 4;        // tu_cb_coded_flag: [0]; [1] BDPCM
inline constexpr int kTuCrCodedFlag = kTuCbCodedFlag + 2;  // tu_cr_coded_flag: [tu_cb_coded_flag]; [2] BDPCM
inline constexpr int kCuQpDeltaAbs = kTuCrCodedFlag + 3;   // cu_qp_delta_abs: [first bin, others]
inline constexpr int kTransformSkipFlag = kCuQpDeltaAbs + 2;         // transform_skip_flag: [luma, chroma]
inline constexpr int kLastSigCoeffXPrefix = kTransformSkipFlag + 2;  // last_sig_coeff_x_prefix, luma
inline constexpr int kLastSigCoeffXPrefixChroma = kLastSigCoeffXPrefix + 20;  // ... chroma
inline constexpr int kLastSigCoeffYPrefix = kLastSigCoeffXPrefixChroma + 3;   // last_sig_coeff_y_prefix, luma
inline constexpr int kLastSigCoeffYPrefixChroma = kLastSigCoeffYPrefix + 20;  // ... chroma
inline constexpr int kSbCodedFlag =
    kLastSigCoeffYPrefixChroma + 3;  // sb_coded_flag, luma: [right or below group coded]
inline constexpr int kSbCodedFlagChroma = kSbCodedFlag + 2;  // ... chroma
inline constexpr int kSigCoeffFlag =
    kSbCodedFlagChroma + 2;  // sig_coeff_flag, luma: 3 sets of 12, set = max(0, state - 1)
inline constexpr int kSigCoeffFlagChroma = kSigCoeffFlag + 36;  // ... chroma: 3 sets of 8
inline constexpr int kAbsLevelGt1 = kSigCoeffFlagChroma + 24;   // abs_level_gtx_flag[0] (> 1), luma
inline constexpr int kAbsLevelGt1Chroma = kAbsLevelGt1 + 21;    // ... chroma
inline constexpr int kParLevel = kAbsLevelGt1Chroma + 11;       // par_level_flag, luma
inline constexpr int kParLevelChroma = kParLevel + 21;          // ... chroma
inline constexpr int kAbsLevelGt3 = kParLevelChroma + 11;       // abs_level_gtx_flag[1] (> 3), luma
inline constexpr int kAbsLevelGt3Chroma = kAbsLevelGt3 + 21;    // ... chroma
inline constexpr int kTsSbCodedFlag =
    kAbsLevelGt3Chroma + 11;                                // sb_coded_flag, transform skip: [left + above]
inline constexpr int kTsSigCoeffFlag = kTsSbCodedFlag + 3;  // sig_coeff_flag, transform skip: [left + above]
inline constexpr int kTsSignFlag =
    kTsSigCoeffFlag + 3;  // coeff_sign_flag, transform skip: [0..2]; [3..5] BDPCM
inline constexpr int kTsAbsLevelGt1 =
    kTsSignFlag + 6;  // abs_level_gtx_flag[0], transform skip: [left + above]; [3] BDPCM
inline constexpr int kTsParLevel = kTsAbsLevelGt1 + 4;  // par_level_flag, transform skip
inline constexpr int kTsAbsLevelGtx =
    kTsParLevel + 1;  // abs_level_gtx_flag[j], transform skip: [j], j = 1..4
inline constexpr int kIntraBdpcm =
    kTsAbsLevelGtx + 5;  // intra_bdpcm_luma_flag, ..._dir_flag, intra_bdpcm_chroma_flag, ..._dir_flag
inline constexpr int kIntraLumaRefIdx = kIntraBdpcm + 4;    // intra_luma_ref_idx
inline constexpr int kIntraMipFlag = kIntraLumaRefIdx + 2;  // intra_mip_flag
inline constexpr int kIntraSubpartitions =
    kIntraMipFlag + 4;                                        // intra_subpartitions_mode_flag, ..._split_flag
inline constexpr int kTuJointCbCr = kIntraSubpartitions + 2;  // tu_joint_cbcr_residual_flag
inline constexpr int kMtsIdx = kTuJointCbCr + 3;              // mts_idx
inline constexpr int kLfnstIdx = kMtsIdx + 4;                 // lfnst_idx
inline constexpr int kSaoMerge = kLfnstIdx + 3;               // sao_merge_left_flag, sao_merge_up_flag
inline constexpr int kSaoTypeIdx = kSaoMerge + 1;             // sao_type_idx_luma, sao_type_idx_chroma
inline constexpr int kAlfCtbFlag = kSaoTypeIdx + 1;           // alf_ctb_flag: 3 per component
inline constexpr int kAlfCtbFilterAltIdx = kAlfCtbFlag + 9;   // alf_ctb_filter_alt_idx
inline constexpr int kAlfUseApsFlag = kAlfCtbFilterAltIdx + 2;  // alf_use_aps_flag
inline constexpr int kAlfCtbCcIdc = kAlfUseApsFlag + 1;  // alf_ctb_cc_cb_idc, alf_ctb_cc_cr_idc: 3 each
inline constexpr int kCount = kAlfCtbCcIdc + 6;

}  // namespace ctx

extern const std::array<ContextInit, ctx::kCount> kContextInit;

}  // namespace idse::vvc
