// Sequence and picture parameter sets (clauses 7.3.2.4, 7.3.2.5).
#pragma once

#include "../settings.h"
#include "../types.h"
#include "bit_writer.h"

namespace idse::vvc {

// What the parameter sets say of one tree of the partitioning; sizes in luma samples for the chroma tree too.
struct TreeParameters {
    int log2_min_qt = 2;
    int max_mtt_depth = 0;
    int log2_max_bt = 5;  // these two only where max_mtt_depth > 0; >= log2_min_qt
    int log2_max_tt = 5;
};

struct SequenceParameters {
    int width = 0;  // coded size: multiples of 8
    int height = 0;
    int crop_right = 0;  // conformance window, luma samples (even for 4:2:0)
    int crop_bottom = 0;
    ChromaFormat chroma_format = ChromaFormat::k420;
    bool still_picture = false;  // exactly one picture in the stream
    int log2_ctu = 7;
    TreeParameters luma_tree;
    TreeParameters chroma_tree{3, 0, 5, 5};  // only with dual_tree
    bool dual_tree = false;
    bool wpp = false;
    bool transform_skip = false;
    bool cclm = false;
    bool dependent_quant = false;
    bool deblocking = true;
    bool cu_qp_delta = false;
    bool scaling_lists = false;  // pictures may have them
    int init_qp = 26;            // of the PPS: slices code their difference from it
    int cb_qp_offset = 0;
    int cr_qp_offset = 0;
};

inline constexpr int kLog2MaxTransformSkipSize = 5;
inline constexpr int kQpPrimeTsMin = 4;     // QpPrimeTsMin: sps_internal_bit_depth_minus_input_bit_depth is 0
inline constexpr int kLog2QpGroupSize = 6;  // quantisation groups are 64x64 luma samples whatever the CTU

inline int coded_size(int source_size) {
    return (source_size + 7) & ~7;
}

// source_width, source_height: as shown. cu_qp_delta: may QPs differ inside a picture?
SequenceParameters sequence_parameters(const Settings& settings, int source_width, int source_height,
                                       ChromaFormat chroma_format, int frames, bool cu_qp_delta);

// Lowest level (16 * major + 3 * minor) that allows the picture size, x.1 or x.2 of it for its frame rate.
int level_idc(int width, int height);

Bytes sps_rbsp(const SequenceParameters& params);
Bytes pps_rbsp(const SequenceParameters& params);

// Both as NAL units, at the start of an access unit.
void append_parameter_sets(Bytes& stream, const SequenceParameters& params);

}  // namespace idse::vvc
