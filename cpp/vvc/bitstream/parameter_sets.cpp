#include "parameter_sets.h"

#include <array>

#include "chroma_qp_table.h"

namespace idse::vvc {

namespace {

constexpr int kLog2MinCb = 2;
static_assert((1 << kLog2MinCb) == kMinCbSize);

void write_profile_tier_level(BitWriter& w, const SequenceParameters& params) {
    w.u(params.still_picture ? 65 : 1, 7);  // general_profile_idc: Main 10 Still Picture, Main 10
    w.flag(false);                          // general_tier_flag
    w.u(std::uint32_t(level_idc(params.width, params.height)), 8);
    w.flag(true);    // ptl_frame_only_constraint_flag
    w.flag(false);   // ptl_multilayer_enabled_flag
    w.flag(false);   // gci_present_flag
    w.align_zero();  // gci_alignment_zero_bit
    w.u(0, 8);       // ptl_num_sub_profiles
}

// sps_log2_diff_min_qt_min_cb... up to sps_log2_diff_max_tt_min_qt...
void write_tree(BitWriter& w, const TreeParameters& tree) {
    w.ue(std::uint32_t(tree.log2_min_qt - kLog2MinCb));
    w.ue(std::uint32_t(tree.max_mtt_depth));
    if (tree.max_mtt_depth > 0) {
        w.ue(std::uint32_t(tree.log2_max_bt - tree.log2_min_qt));
        w.ue(std::uint32_t(tree.log2_max_tt - tree.log2_min_qt));
    }
}

void write_partitioning(BitWriter& w, const SequenceParameters& params, bool chroma) {
    w.ue(kLog2MinCb - 2);  // sps_log2_min_luma_coding_block_size_minus2
    w.flag(false);         // sps_partition_constraints_override_enabled_flag
    write_tree(w, params.luma_tree);
    if (chroma) w.flag(params.dual_tree);  // sps_qtbtt_dual_tree_intra_flag
    if (chroma && params.dual_tree) write_tree(w, params.chroma_tree);
    w.ue(0);                                // sps_log2_diff_min_qt_min_cb_inter_slice
    w.ue(0);                                // sps_max_mtt_hierarchy_depth_inter_slice
    if (params.log2_ctu > 5) w.flag(true);  // sps_max_luma_transform_size_64_flag
}

void write_chroma_qp_table(BitWriter& w) {
    w.flag(true);                                     // sps_same_qp_table_for_chroma_flag
    w.se(kChromaQpPivots.front().in - 26);            // sps_qp_table_start_minus26
    w.ue(std::uint32_t(kChromaQpPivots.size() - 2));  // sps_num_points_in_qp_table_minus1
    for (size_t i = 1; i < kChromaQpPivots.size(); i++) {
        const int in = kChromaQpPivots[i].in - kChromaQpPivots[i - 1].in;
        const int out = kChromaQpPivots[i].out - kChromaQpPivots[i - 1].out;
        w.ue(std::uint32_t(in - 1));          // sps_delta_qp_in_val_minus1
        w.ue(std::uint32_t(out ^ (in - 1)));  // sps_delta_qp_diff_val
    }
}

void write_inter_tools_off(BitWriter& w) {
    w.flag(false);  // sps_weighted_pred_flag
    w.flag(false);  // sps_weighted_bipred_flag
    w.flag(false);  // sps_long_term_ref_pics_flag
    w.flag(false);  // sps_idr_rpl_present_flag
    w.flag(true);   // sps_rpl1_same_as_rpl0_flag
    w.ue(0);        // sps_num_ref_pic_lists[0]
    w.flag(false);  // sps_ref_wraparound_enabled_flag
    w.flag(false);  // sps_temporal_mvp_enabled_flag
    w.flag(false);  // sps_amvr_enabled_flag
    w.flag(false);  // sps_bdof_enabled_flag
    w.flag(false);  // sps_smvd_enabled_flag
    w.flag(false);  // sps_dmvr_enabled_flag
    w.flag(false);  // sps_mmvd_enabled_flag
    w.ue(5);        // sps_six_minus_max_num_merge_cand: one, so that no sps_gpm_enabled_flag follows
    w.flag(false);  // sps_sbt_enabled_flag
    w.flag(false);  // sps_affine_enabled_flag
    w.flag(false);  // sps_bcw_enabled_flag
    w.flag(false);  // sps_ciip_enabled_flag
    w.ue(0);        // sps_log2_parallel_merge_level_minus2
}

}  // namespace

SequenceParameters sequence_parameters(const Settings& settings, int source_width, int source_height,
                                       ChromaFormat chroma_format, int frames, bool cu_qp_delta) {
    const bool chroma = chroma_format != ChromaFormat::k400;
    SequenceParameters p;
    p.width = coded_size(source_width);
    p.height = coded_size(source_height);
    p.crop_right = p.width - source_width;
    p.crop_bottom = p.height - source_height;
    p.chroma_format = chroma_format;
    p.still_picture = frames == 1;
    p.log2_ctu = settings.ctu_size == 128 ? 7 : 6;
    p.dual_tree = chroma && settings.dual_tree;
    p.wpp = settings.wpp;
    p.transform_skip = settings.transform_skip;
    p.cclm = chroma && settings.cclm;
    p.dependent_quant = settings.dependent_quant;
    p.deblocking = settings.deblocking;
    p.cu_qp_delta = cu_qp_delta;
    p.init_qp = settings.qp;
    p.cb_qp_offset = chroma ? settings.cb_qp_offset : 0;
    p.cr_qp_offset = chroma ? settings.cr_qp_offset : 0;
    return p;
}

int level_idc(int width, int height) {
    struct SizeLimit {
        std::int64_t max_luma_samples;
        int idc;
    };
    // MaxLumaPs of table A.1: levels 4.1, 5.2, 6.2, 6.3.
    constexpr std::array<SizeLimit, 4> kLevels = {
        {{2'228'224, 67}, {8'912'896, 86}, {35'651'584, 102}, {80'216'064, 105}}};
    for (const SizeLimit& level : kLevels) {
        // Neither side may exceed Sqrt(MaxLumaPs * 8).
        const std::int64_t max_side_squared = level.max_luma_samples * 8;
        const std::int64_t w = width, h = height;
        if (w * h <= level.max_luma_samples && w * w <= max_side_squared && h * h <= max_side_squared)
            return level.idc;
    }
    return 255;  // level 15.5: no limits
}

Bytes sps_rbsp(const SequenceParameters& params) {
    const bool chroma = params.chroma_format != ChromaFormat::k400;
    const int chroma_scale = chroma ? 2 : 1;
    BitWriter w;
    w.u(0, 4);  // sps_seq_parameter_set_id
    w.u(0, 4);  // sps_video_parameter_set_id
    w.u(0, 3);  // sps_max_sublayers_minus1
    w.u(std::uint32_t(params.chroma_format), 2);
    w.u(std::uint32_t(params.log2_ctu - 5), 2);
    w.flag(true);  // sps_ptl_dpb_hrd_params_present_flag
    write_profile_tier_level(w, params);
    w.flag(false);  // sps_gdr_enabled_flag
    w.flag(false);  // sps_ref_pic_resampling_enabled_flag
    w.ue(std::uint32_t(params.width));
    w.ue(std::uint32_t(params.height));
    const bool crop = params.crop_right != 0 || params.crop_bottom != 0;
    w.flag(crop);  // sps_conformance_window_flag
    if (crop) {
        w.ue(0);
        w.ue(std::uint32_t(params.crop_right / chroma_scale));
        w.ue(0);
        w.ue(std::uint32_t(params.crop_bottom / chroma_scale));
    }
    w.flag(false);        // sps_subpic_info_present_flag
    w.ue(kBitDepth - 8);  // sps_bitdepth_minus8
    w.flag(params.wpp);   // sps_entropy_coding_sync_enabled_flag
    w.flag(params.wpp);   // sps_entry_point_offsets_present_flag: FFmpeg needs them
    w.u(0, 4);            // sps_log2_max_pic_order_cnt_lsb_minus4
    w.flag(false);        // sps_poc_msb_cycle_flag
    w.u(0, 2);            // sps_num_extra_ph_bytes
    w.u(0, 2);            // sps_num_extra_sh_bytes
    w.ue(0);              // dpb_max_dec_pic_buffering_minus1
    w.ue(0);              // dpb_max_num_reorder_pics
    w.ue(0);              // dpb_max_latency_increase_plus1
    write_partitioning(w, params, chroma);
    w.flag(params.transform_skip);
    if (params.transform_skip) {
        w.ue(kLog2MaxTransformSkipSize - 2);
        w.flag(false);  // sps_bdpcm_enabled_flag
    }
    w.flag(false);  // sps_mts_enabled_flag
    w.flag(false);  // sps_lfnst_enabled_flag
    if (chroma) {
        w.flag(false);  // sps_joint_cbcr_enabled_flag
        write_chroma_qp_table(w);
    }
    w.flag(false);  // sps_sao_enabled_flag
    w.flag(false);  // sps_alf_enabled_flag
    w.flag(false);  // sps_lmcs_enabled_flag
    write_inter_tools_off(w);
    w.flag(false);  // sps_isp_enabled_flag
    w.flag(false);  // sps_mrl_enabled_flag
    w.flag(false);  // sps_mip_enabled_flag
    if (chroma) {
        w.flag(params.cclm);
        w.flag(true);   // sps_chroma_horizontal_collocated_flag
        w.flag(false);  // sps_chroma_vertical_collocated_flag
    }
    w.flag(false);                       // sps_palette_enabled_flag
    if (params.transform_skip) w.ue(0);  // sps_internal_bit_depth_minus_input_bit_depth
    w.flag(false);                       // sps_ibc_enabled_flag
    w.flag(false);                       // sps_ladf_enabled_flag
    w.flag(params.scaling_lists);        // sps_explicit_scaling_list_enabled_flag
    w.flag(params.dependent_quant);
    w.flag(false);  // sps_sign_data_hiding_enabled_flag
    w.flag(false);  // sps_virtual_boundaries_enabled_flag
    w.flag(false);  // sps_timing_hrd_params_present_flag
    w.flag(false);  // sps_field_seq_flag
    w.flag(false);  // sps_vui_parameters_present_flag
    w.flag(false);  // sps_extension_flag
    w.trailing_bits();
    return w.bytes();
}

Bytes pps_rbsp(const SequenceParameters& params) {
    BitWriter w;
    w.u(0, 6);      // pps_pic_parameter_set_id
    w.u(0, 4);      // pps_seq_parameter_set_id
    w.flag(false);  // pps_mixed_nalu_types_in_pic_flag
    w.ue(std::uint32_t(params.width));
    w.ue(std::uint32_t(params.height));
    w.flag(false);  // pps_conformance_window_flag: inherited from the SPS
    w.flag(false);  // pps_scaling_window_explicit_signalling_flag
    w.flag(false);  // pps_output_flag_present_flag
    w.flag(true);   // pps_no_pic_partition_flag
    w.flag(false);  // pps_subpic_id_mapping_present_flag
    w.flag(false);  // pps_cabac_init_present_flag
    w.ue(0);        // pps_num_ref_idx_default_active_minus1[0]
    w.ue(0);        // pps_num_ref_idx_default_active_minus1[1]
    w.flag(false);  // pps_rpl1_idx_present_flag
    w.flag(false);  // pps_weighted_pred_flag
    w.flag(false);  // pps_weighted_bipred_flag
    w.flag(false);  // pps_ref_wraparound_enabled_flag
    w.se(params.init_qp - 26);
    w.flag(params.cu_qp_delta);
    const bool chroma_offsets = params.cb_qp_offset != 0 || params.cr_qp_offset != 0;
    w.flag(chroma_offsets);  // pps_chroma_tool_offsets_present_flag
    if (chroma_offsets) {
        w.se(params.cb_qp_offset);
        w.se(params.cr_qp_offset);
        w.flag(false);  // pps_joint_cbcr_qp_offset_present_flag
        w.flag(false);  // pps_slice_chroma_qp_offsets_present_flag
        w.flag(false);  // pps_cu_chroma_qp_offset_list_enabled_flag
    }
    w.flag(!params.deblocking);  // pps_deblocking_filter_control_present_flag
    if (!params.deblocking) {
        w.flag(false);  // pps_deblocking_filter_override_enabled_flag
        w.flag(true);   // pps_deblocking_filter_disabled_flag
    }
    w.flag(false);  // pps_picture_header_extension_present_flag
    w.flag(false);  // pps_slice_header_extension_present_flag
    w.flag(false);  // pps_extension_flag
    w.trailing_bits();
    return w.bytes();
}

void append_parameter_sets(Bytes& stream, const SequenceParameters& params) {
    append_nal(stream, NalType::kSps, sps_rbsp(params), true);
    append_nal(stream, NalType::kPps, pps_rbsp(params), false);
}

}  // namespace idse::vvc
