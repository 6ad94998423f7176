// Settings of one encode: never change during a picture.
#pragma once

#include <cstdint>

#include "types.h"

namespace idse::vvc {

// Where the weight map acts (a mask, for ablation).
enum WeightScope : unsigned {
    kWeightRdo = 1,    // distortion of every decision: sum w * e^2, SATD preselection with sqrt(lambda / w)
    kWeightQuant = 2,  // lambda / mean(w) inside RDOQ and dependent quantisation
    kWeightQp = 4,     // QP - 3 log2(mean w) per 64x64 luma block through cu_qp_delta
    kWeightAll = 7,
};

// Shaping of a raw weight map, applied in this order (design: tau blends with plain SSE, then the exponent,
// then the clip in QP steps, then the geometric mean is 1).
struct WeightShaping {
    double tau = 0.2;       // >= 0, in units of the map's mean; infinity = plain SSE
    double exponent = 0.5;  // >= 0; 0 = plain SSE
    double clip_qp = 6.0;   // weights are clipped to 2^(+-clip_qp / 3)
};

struct Settings {
    int qp = 32;                    // 0..63, luma QP of the slice
    std::int64_t target_bytes = 0;  // > 0: one-picture rate control (per frame) instead of a fixed qp
    int preset = 2;                 // 0 fastest .. 4 slowest
    int threads = 1;                // >= 1; bytes never depend on it
    int ctu_size = 128;             // 64 or 128
    bool dual_tree = true;          // ignored for 4:0:0
    bool cclm = true;               // ignored for 4:0:0
    bool dependent_quant = true;    // else RDOQ
    bool transform_skip = true;
    bool deblocking = true;
    bool wpp = false;      // wavefront entry points (intra prediction cannot use the above-right CTU)
    bool md5_sei = false;  // decoded picture hash, clause D.5
    int cb_qp_offset = 0;  // -12..12, pps_cb_qp_offset
    int cr_qp_offset = 0;  // -12..12, pps_cr_qp_offset
    unsigned weight_scope = kWeightAll;
    WeightShaping shaping;
};

}  // namespace idse::vvc
