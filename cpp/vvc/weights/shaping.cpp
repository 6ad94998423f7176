#include "shaping.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "../encode_error.h"
#include "fixed_math.h"

namespace idse::vvc {

namespace {

// Planes of a damaged map may be 2^277 times luma; whatever a gain is for ends long before this.
constexpr double kMaxLog2Gain = 200;

constexpr const char* kPlaneNames[3] = {"luma", "Cb", "Cr"};

double mean_of(const std::vector<double>& v) {
    double sum = 0;
    for (double x : v) sum += x;
    return sum / double(v.size());
}

double log2_geometric_mean(const std::vector<double>& v) {
    double sum = 0;
    for (double x : v) sum += portable_log2(x);
    return sum / double(v.size());
}

// A map whose values are all alike is the uniform map: exactly 1 everywhere, whatever rounding would leave.
bool is_uniform(const std::vector<double>& v) {
    return std::all_of(v.begin(), v.end(), [&](double x) { return x == v.front(); });
}

std::vector<double> read_plane(const float* data, size_t count, const char* name) {
    std::vector<double> plane(count);
    for (size_t i = 0; i < count; i++) {
        const double value = double(data[i]);
        if (!std::isfinite(value) || value < 0)
            throw EncodeError(std::string("the ") + name +
                              " weights hold a value that is negative or not finite; make the map again");
        plane[i] = value;
    }
    return plane;
}

// Tikhonov blend and exponent, in units of `mean`. The floor keeps zero weights finite under the logarithm.
void blend(std::vector<double>& plane, double mean, const WeightShaping& shaping) {
    if (shaping.is_plain()) {
        std::fill(plane.begin(), plane.end(), 1.0);
        return;
    }
    for (double& w : plane) {
        const double blended = (w + shaping.tau * mean) / ((1 + shaping.tau) * mean);
        w = portable_exp2(shaping.exponent * portable_log2(std::max(blended, 1e-9)));
    }
}

// log2 of the geometric mean, with values below a thousandth of the mean counted as that.
double floored_log2_mean(const std::vector<double>& v, double mean) {
    double sum = 0;
    for (double x : v) sum += portable_log2(std::max(x, mean / 1000));
    return sum / double(v.size());
}

// What tau and the exponent leave of the measured ratio of a chroma plane to luma.
double shaped_gain(double ratio, const WeightShaping& shaping) {
    if (shaping.is_plain()) return 1;
    const double blended = (ratio + shaping.tau) / (1 + shaping.tau);
    const double log2_gain = shaping.exponent * portable_log2(std::max(blended, 1e-6));
    return portable_exp2(std::clamp(log2_gain, -kMaxLog2Gain, kMaxLog2Gain));
}

// Scales to geometric mean 1 and clips; a second round brings the mean back after the clip.
void normalise(std::vector<double>& plane, double clip_qp) {
    if (is_uniform(plane)) {
        std::fill(plane.begin(), plane.end(), 1.0);
        return;
    }
    const double limit = portable_exp2(clip_qp / 3);
    for (int round = 0; round < 3; round++) {
        const double scale = portable_exp2(-log2_geometric_mean(plane));
        for (double& w : plane) w = std::clamp(w * scale, 1 / limit, limit);
    }
}

}  // namespace

void check_shaping(const WeightShaping& shaping) {
    // Written so that what is no number fails too.
    if (!(shaping.tau >= 0)) throw EncodeError("tau must be 0 or more");
    if (!(shaping.exponent >= 0 && shaping.exponent <= WeightShaping::kMaxExponent))
        throw EncodeError("the weight exponent must be 0 to 10");
    if (!(shaping.clip_qp >= 0 && shaping.clip_qp <= 12))
        throw EncodeError("the weight clip must be 0 to 12 QP");
    if (!(shaping.gamma >= 0 && shaping.gamma <= WeightShaping::kMaxGamma))
        throw EncodeError("gamma must be 0 to 2");
    if (!(shaping.profile_floor >= WeightShaping::kMinProfileFloor && shaping.profile_floor <= 1))
        throw EncodeError("the profile floor must be 1/4096 to 1");
}

ShapedWeights shape_weights(const FrameWeights& raw, int width, int height, ChromaFormat format,
                            const WeightShaping& shaping) {
    if (raw.log2_unit < 0 || raw.log2_unit > 7)
        throw EncodeError("the weight map's unit must be 1 to 128 samples");
    if (!raw.planes[0]) throw EncodeError("the weight map has no luma plane");
    check_shaping(shaping);

    ShapedWeights out;
    out.log2_unit = raw.log2_unit;
    const int unit = 1 << raw.log2_unit;
    out.cols = (width + unit - 1) / unit;
    out.rows = (height + unit - 1) / unit;
    const size_t count = size_t(out.cols) * out.rows;

    out.planes[0] = read_plane(raw.planes[0], count, kPlaneNames[0]);
    const double mean = mean_of(out.planes[0]);
    if (!(mean > 0)) throw EncodeError("the luma weights are all zero; make the map again");
    out.luma_mean = mean;
    const double luma_level = floored_log2_mean(out.planes[0], mean);
    blend(out.planes[0], mean, shaping);

    if (format == ChromaFormat::k420) {
        for (int c = 1; c < 3; c++) {
            if (raw.planes[c]) {
                out.planes[c] = read_plane(raw.planes[c], count, kPlaneNames[c]);
                const double chroma_mean = mean_of(out.planes[c]);
                const double ratio =
                    chroma_mean > 0
                        ? portable_exp2(floored_log2_mean(out.planes[c], chroma_mean) - luma_level)
                        : 0;
                out.chroma_gain[c - 1] = shaped_gain(ratio, shaping);
                if (chroma_mean > 0)
                    blend(out.planes[c], chroma_mean, shaping);
                else
                    out.planes[c].assign(count, 1.0);
            } else {
                out.planes[c] = out.planes[0];
            }
            normalise(out.planes[c], shaping.clip_qp);
        }
    }
    normalise(out.planes[0], shaping.clip_qp);
    out.gains = shape_profiles(raw, format, shaping);
    return out;
}

std::vector<FrequencyGains> shape_profiles(const FrameWeights& raw, ChromaFormat format,
                                           const WeightShaping& shaping) {
    std::vector<FrequencyGains> gains;
    if (!raw.profiles[0] || shaping.gamma == 0) return gains;
    for (int c = 0; c < (format == ChromaFormat::k420 ? 3 : 1); c++)
        gains.emplace_back(raw.profiles[c] ? raw.profiles[c] : raw.profiles[0], shaping, kPlaneNames[c]);
    if (std::all_of(gains.begin(), gains.end(), [](const FrequencyGains& g) { return g.is_flat(); }))
        gains.clear();
    return gains;
}

int qp_offset_of_gain(double gain) {
    return std::clamp(int(std::lround(-3 * portable_log2(gain))), -12, 12);
}

}  // namespace idse::vvc
