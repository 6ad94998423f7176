#include "frequency_table.h"

#include <algorithm>
#include <cmath>

#include "../simd/kernels.h"
#include "../weights/frequency_gains.h"

namespace idse::vvc {

namespace {

constexpr double kOne = double(1 << kWeightShift);
// Products of the greatest coefficients' squares and this stay far from the end of 64 bits.
constexpr double kMaxFlatWeight = 16;

FrequencyTable table_of(const FrequencyGains& gains, Component component, int log2_w, int log2_h,
                        const ScalingLists* lists) {
    const int w = 1 << log2_w, h = 1 << log2_h;
    FrequencyTable out;
    out.weights.resize(size_t(w) * h);
    if (lists) out.factors = lists->factors(component, log2_w, log2_h);
    out.to_flat.resize(out.factors.size());
    std::uint64_t sum = 0, uncoded = 0, uncoded_count = 0;
    out.flat_weights.resize(out.weights.size());
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const size_t i = size_t(y * w + x);
            const double gain = gains.at(x, y, w, h);
            const double weight = gain * gain;
            out.weights[i] = std::uint32_t(std::max(1L, std::lround(weight * kOne)));
            sum += out.weights[i];
            if (x >= 32 || y >= 32) uncoded += out.weights[i], uncoded_count++;
            double relative = weight;
            if (lists) {
                const double step = double(out.factors[i]) / kFlatScalingFactor;
                out.to_flat[i] = std::int32_t(std::lround((1 << FrequencyTable::kToFlatShift) / step));
                relative *= step * step;
            }
            out.flat_weights[i] = std::uint32_t(
                std::clamp(std::lround(relative * kOne), 1L, std::lround(kMaxFlatWeight * kOne)));
        }
    if (uncoded_count) out.uncoded = Weight{std::uint32_t((uncoded + uncoded_count / 2) / uncoded_count)};
    out.mean = Weight{std::uint32_t((sum + out.weights.size() / 2) / out.weights.size())};
    return out;
}

}  // namespace

FrequencyTables::FrequencyTables(const FrequencyGains* gains, int planes, const ScalingLists* lists) {
    for (int c = 0; c < planes; c++)
        for (int log2_w = 2; log2_w <= 6; log2_w++)
            for (int log2_h = 2; log2_h <= 6; log2_h++)
                tables_.push_back(table_of(gains[c], Component(c), log2_w, log2_h,
                                           c > 0 && std::max(log2_w, log2_h) > 5 ? nullptr : lists));
}

Distortion frequency_distortion(const FrequencyTable& table, int log2_w, int log2_h, const Coeff* coeffs,
                                const Coeff* recon, std::int64_t sse) {
    const int count = 1 << (log2_w + log2_h);
    // The forward transform's scale: see Scaling.
    const int shift = log2_w + log2_h - 2 * (15 - kBitDepth);
    const auto in_samples = [&](std::int64_t v) { return shift >= 0 ? v << shift : v >> -shift; };
    const Distortion sum = in_samples(kernels().weighted_squares(coeffs, recon, table.weights.data(), count));
    if (std::max(log2_w, log2_h) <= 5) return sum;
    std::int64_t coded = 0;
    for (int i = 0; i < count; i++) coded += std::int64_t{coeffs[i]} * coeffs[i];
    return sum + std::max<std::int64_t>(0, sse - in_samples(coded)) * table.uncoded.fx;
}

}  // namespace idse::vvc
