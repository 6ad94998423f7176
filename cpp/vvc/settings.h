// Settings of one encode; they do not change during a picture.
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

// Where the weights over frequency act (a mask, for ablation).
enum FrequencyScope : unsigned {
    kFrequencyRdo = 1,    // distortion of every decision: sum over coefficients of weight * error^2
    kFrequencyQuant = 2,  // the errors that RDOQ and dependent quantisation count; scaling lists
    kFrequencyAll = 3,
};

// Whether the weights over frequency become scaling lists.
enum class ScalingListUse : std::uint8_t {
    kAuto,  // where they are likely to save more than they cost
    kOn,
    kOff,  // level choice alone
};

// Shaping of a raw weight map, applied in this order (design: tau blends with plain SSE, then the exponent,
// then the clip in QP steps, then the geometric mean is 1).
struct WeightShaping {
    double tau = 0.2;                  // >= 0, in units of the map's mean; infinity = plain SSE
    double exponent = 0.5;             // 0..kMaxExponent; 0 = plain SSE
    double clip_qp = 6.0;              // 0..12: weights are clipped to 2^(+-clip_qp / 3)
    double gamma = 0.75;               // 0..kMaxGamma: power of the profile over frequency; 0 = none
    double profile_floor = 1.0 / 256;  // kMinProfileFloor..1: least weight of a frequency

    // Whether every weight becomes 1.
    bool is_plain() const { return tau >= kPlainTau || exponent == 0; }

    // From here on (w + tau mean) / ((1 + tau) mean) is 1 to the last bit of a double for any cell of any map
    // (w is at most 2^26 means), while tau * mean is still far from overflow: the limit is taken instead.
    static constexpr double kPlainTau = 1e24;
    // With larger exponents a map has only the two values of the clip. Up to this one, the powers stay in the
    // range of a double.
    static constexpr double kMaxExponent = 10;
    static constexpr double kMaxGamma = 2;
    static constexpr double kMinProfileFloor = 1.0 / 4096;
};

struct Settings {
    int qp = 32;                    // 0..63, luma QP of the slice
    std::int64_t target_bytes = 0;  // > 0: one-picture rate control (per frame) instead of a fixed qp
    int preset = 2;                 // 0 fastest .. 4 slowest
    int threads = 1;                // >= 1; bytes never depend on it
#define TOOL(type, name, value, ...) type name = value;  // what each is: see the table
#include "tools.def"
    bool md5_sei = false;  // decoded picture hash, clause D.5
    int cb_qp_offset = 0;  // -12..12, pps_cb_qp_offset
    int cr_qp_offset = 0;  // -12..12, pps_cr_qp_offset
    unsigned weight_scope = kWeightAll;
    unsigned frequency_scope = kFrequencyAll;
    ScalingListUse scaling_lists = ScalingListUse::kAuto;
    WeightShaping shaping;
};

}  // namespace idse::vvc
