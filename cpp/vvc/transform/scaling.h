// The arithmetic of clause 8.7.3 for one block: level or index -> coefficient, and the sample-domain
// distortion of a coefficient's error. What dequantisation and every level choice share.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "../rd_types.h"
#include "../types.h"
#include "quant.h"

namespace idse::vvc {

// levelScale[rectNonTsFlag][qP % 6]
inline constexpr std::array<std::array<std::uint8_t, 6>, 2> kLevelScale = {
    {{40, 45, 51, 57, 64, 72}, {57, 64, 72, 80, 90, 102}}};

inline constexpr int kMaxLevel = 16383;  // foreign decoders refuse greater ones with dependent quantisation
inline constexpr int kMaxCoeff = 32767;

class Scaling {
  public:
    explicit Scaling(const QuantParams& p) {
        const int log2_area = p.log2_w + p.log2_h;
        const int odd = p.transform_skip ? 0 : log2_area & 1;
        const int qp = p.qp + int(p.dependent_quant);
        scale_ = std::int64_t{16} * kLevelScale[size_t(odd)][size_t(qp % 6)] << (qp / 6);
        shift_ = (p.transform_skip ? 10 : kBitDepth + (log2_area >> 1) + odd - 5) + int(p.dependent_quant);
        round_ = std::int64_t{1} << (shift_ - 1);
        // A forward transform multiplies the orthonormal coefficient by 2^(15 - kBitDepth - log2_area / 2);
        // the square of that is a whole power of two for any shape.
        distortion_shift_ = kWeightShift + (p.transform_skip ? 0 : log2_area - 2 * (15 - kBitDepth));
    }

    // Coefficient of an index: the level itself, or 2 |k| - (state >> 1) of dependent quantisation; index >=
    // 0.
    std::int32_t reconstruct(std::int64_t index) const {
        return std::int32_t(std::min<std::int64_t>((index * scale_ + round_) >> shift_, kMaxCoeff));
    }
    // The same of an index of either sign, rounded as the standard does.
    std::int32_t reconstruct_signed(std::int64_t index) const {
        return std::int32_t(
            std::clamp<std::int64_t>((index * scale_ + round_) >> shift_, -kMaxCoeff - 1, kMaxCoeff));
    }
    // Index below or at a coefficient >= 0, whole steps.
    std::int64_t index_below(std::int32_t coeff) const { return (std::int64_t{coeff} << shift_) / scale_; }

    // Squared error of a coefficient, as Distortion.
    Distortion distortion(std::int32_t error) const {
        return (std::int64_t{error} * error) << distortion_shift_;
    }
    // Distortion of `recon` instead of that of zero.
    Distortion distortion_change(std::int32_t coeff, std::int32_t recon) const {
        return (std::int64_t{recon} * (recon - 2 * std::int64_t{coeff})) *
               (std::int64_t{1} << distortion_shift_);
    }

    // The same with the factor m of a scaling list in place of 16.
    std::int32_t reconstruct_signed(std::int64_t index, int m) const {
        return std::int32_t(std::clamp<std::int64_t>((index * ((scale_ >> 4) * m) + round_) >> shift_,
                                                     -kMaxCoeff - 1, kMaxCoeff));
    }

    std::int64_t scale() const { return scale_; }
    int shift() const { return shift_; }

  private:
    std::int64_t scale_;
    std::int64_t round_;
    int shift_;
    int distortion_shift_;
};

// A distortion with the weight of its position, where there are weights.
inline Distortion weighted(Distortion distortion, const std::uint32_t* weights, size_t position) {
    return weights ? (distortion * std::int64_t{weights[position]}) >> kWeightShift : distortion;
}

}  // namespace idse::vvc
