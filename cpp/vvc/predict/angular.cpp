#include "angular.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "../block_math.h"
#include "../simd/angular_tables.h"
#include "../simd/kernels.h"

namespace idse::vvc {

namespace {}  // namespace

Direction direction_of(int wide_mode) {
    const bool vertical = wide_mode >= kDiagonal;
    // Modes -14..-1 follow mode 2 directly: there is no direction behind the numbers 0 and 1.
    const int mode = wide_mode < 0 ? wide_mode + 2 : wide_mode;
    const int distance = vertical ? mode - kVertical : kHorizontal - mode;
    const int magnitude = kIntraPredAngle[size_t(std::abs(distance))];
    return {vertical, distance < 0 ? -magnitude : magnitude};
}

LumaFilter luma_filter_of(int wide_mode, int w, int h) {
    // intraHorVerDistThres by nTbS; the first two sizes don't occur.
    static constexpr std::array<int, 7> kThreshold = {24, 24, 24, 14, 2, 0, 0};
    const int distance = std::min(std::abs(wide_mode - kHorizontal), std::abs(wide_mode - kVertical));
    if (distance <= kThreshold[size_t((log2_of(w) + log2_of(h)) >> 1)]) return {false, Interpolation::kCubic};
    if ((direction_of(wide_mode).angle & 31) == 0) return {true, Interpolation::kCubic};  // no fractions then
    return {false, Interpolation::kGaussian};
}

void predict_angular(const ReferenceSamples& reference, int wide_mode, Interpolation interpolation, int w,
                     int h, Sample* dst, std::ptrdiff_t dst_stride) {
    const Direction direction = direction_of(wide_mode);
    const auto& along = direction.vertical ? reference.top : reference.left;
    const auto& side = direction.vertical ? reference.left : reference.top;
    const int width = direction.vertical ? w : h;
    const int height = direction.vertical ? h : w;

    // Negative angles also reach samples of the side line, projected to the continuation of the main line.
    std::array<RefSample, 2 * kMaxTbSize + 2 + ReferenceSamples::kPad> extended;
    const RefSample* main = along.data();
    if (direction.angle < 0) {
        const int inverse = inverse_angle(-direction.angle);
        RefSample* origin = extended.data() + height;
        for (int k = 1; k <= height; k++)
            origin[-k] = side[size_t(std::min((k * inverse + 256) >> 9, height))];
        std::copy_n(along.begin(), width + 2, origin);
        main = origin;
    }

    const auto rows = kernels().angular_rows;
    if (direction.vertical) {
        rows(main, side.data(), direction.angle, int(interpolation), width, height, dst, dst_stride);
    } else {
        std::array<Sample, kMaxTbSize * kMaxTbSize> transposed;
        rows(main, side.data(), direction.angle, int(interpolation), width, height, transposed.data(), width);
        kernels().transpose(transposed.data(), w, h, dst, dst_stride);
    }
}

}  // namespace idse::vvc
