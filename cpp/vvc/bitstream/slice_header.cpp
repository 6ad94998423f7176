#include "slice_header.h"

#include <algorithm>

namespace idse::vvc {

namespace {

void write_picture_header(BitWriter& w, const SequenceParameters& params, int scaling_aps_id) {
    w.flag(true);   // ph_gdr_or_irap_pic_flag
    w.flag(false);  // ph_non_ref_pic_flag
    w.flag(false);  // ph_gdr_pic_flag
    w.flag(false);  // ph_inter_slice_allowed_flag
    w.ue(0);        // ph_pic_parameter_set_id
    w.u(0, 4);      // ph_pic_order_cnt_lsb
    if (params.scaling_lists) {
        w.flag(scaling_aps_id >= 0);  // ph_explicit_scaling_list_enabled_flag
        if (scaling_aps_id >= 0) w.u(std::uint32_t(scaling_aps_id), 3);  // ph_scaling_list_aps_id
    }
    // Each quadtree level counts twice.
    if (params.cu_qp_delta) w.ue(std::uint32_t(2 * std::max(0, params.log2_ctu - kLog2QpGroupSize)));
}

// sh_entry_point_offset_minus1: sizes of all substreams but the last, emulation prevention included. A
// substream's last byte holds its stop bit, so that prevention never depends on the substream before.
void write_entry_points(BitWriter& w, const std::vector<Bytes>& substreams) {
    if (substreams.size() < 2) return;
    std::vector<std::uint32_t> minus1;
    std::uint32_t greatest = 0;
    for (size_t i = 0; i + 1 < substreams.size(); i++) {
        minus1.push_back(std::uint32_t(substreams[i].size() + count_emulation_prevention(substreams[i]) - 1));
        greatest = std::max(greatest, minus1.back());
    }
    int bits = 1;
    while (bits < 32 && (greatest >> bits) != 0) bits++;
    w.ue(std::uint32_t(bits - 1));  // sh_entry_offset_len_minus1
    for (const std::uint32_t offset : minus1) w.u(offset, bits);
}

}  // namespace

void append_picture(Bytes& stream, const SequenceParameters& params, int slice_qp, int scaling_aps_id,
                    const std::vector<Bytes>& substreams, bool first_of_access_unit) {
    BitWriter w;
    w.flag(true);  // sh_picture_header_in_slice_header_flag
    write_picture_header(w, params, scaling_aps_id);
    w.flag(false);  // sh_no_output_of_prior_pics_flag
    w.se(slice_qp - params.init_qp);
    if (params.dependent_quant)
        w.flag(true);  // sh_dep_quant_used_flag
    else if (params.transform_skip)
        w.flag(false);  // sh_ts_residual_coding_disabled_flag
    write_entry_points(w, substreams);
    w.trailing_bits();  // byte_alignment()

    Bytes rbsp = w.bytes();
    for (const Bytes& substream : substreams) rbsp.insert(rbsp.end(), substream.begin(), substream.end());
    append_nal(stream, NalType::kIdrNLp, rbsp, first_of_access_unit);
}

}  // namespace idse::vvc
