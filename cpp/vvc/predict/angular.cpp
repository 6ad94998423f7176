#include "angular.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "angular_tables.h"
#include "block_math.h"

namespace idse::vvc {

namespace {

// The loops below work on local arrays of a size known at compile time, so that the compiler needs no checks
// for overlap nor a remainder loop.

template <int W>
void interpolate_linear(const RefSample* ref, int fraction, Sample* out) {
    std::array<std::uint16_t, W + 1> r;
    std::copy_n(ref + 1, W + 1, r.begin());
    std::array<Sample, W> row;
    const auto f1 = std::uint16_t(fraction);
    const auto f0 = std::uint16_t(32 - fraction);
    // At most 32 * 1023 + 16: fits 16 bits.
    for (size_t x = 0; x < W; x++) row[x] = Sample(std::uint16_t(f0 * r[x] + f1 * r[x + 1] + 16) >> 5);
    std::copy_n(row.begin(), W, out);
}

template <int W>
void interpolate_gaussian(const RefSample* ref, int fraction, Sample* out) {
    std::array<std::uint16_t, W + 3> r;
    std::copy_n(ref, W + 3, r.begin());
    std::array<Sample, W> row;
    const auto half = std::uint16_t(fraction >> 1);
    const auto f0 = std::uint16_t(16 - half);
    const auto f1 = std::uint16_t(32 - half);
    const auto f2 = std::uint16_t(16 + half);
    // All taps are positive with sum 64: at most 64 * 1023 + 32, which fits 16 bits.
    for (size_t x = 0; x < W; x++)
        row[x] = Sample(std::uint16_t(f0 * r[x] + f1 * r[x + 1] + f2 * r[x + 2] + half * r[x + 3] + 32) >> 6);
    std::copy_n(row.begin(), W, out);
}

template <int W>
void interpolate_cubic(const RefSample* ref, int fraction, Sample* out) {
    std::array<RefSample, W + 3> r;
    std::copy_n(ref, W + 3, r.begin());
    std::array<Sample, W> row;
    const auto [f0, f1, f2, f3] = kCubicFilter[size_t(fraction)];
    for (size_t x = 0; x < W; x++) {
        const int sum = f0 * r[x] + f1 * r[x + 1] + f2 * r[x + 2] + f3 * r[x + 3];
        row[x] = Sample(std::clamp((sum + 32) >> 6, 0, kMaxSample));
    }
    std::copy_n(row.begin(), W, out);
}

// PDPC of an angle > 0: the first samples of each row are drawn towards the side line.
struct AngularPdpc {
    int count = 0;                     // samples per row; 0 = none
    std::array<int, 12> weight{};      // wL[x]
    std::array<int, 12> side_index{};  // into the side line, for row 0
};

// `length`: the block's side along the main direction's normal (nTbH for vertical modes, nTbW for
// horizontal).
AngularPdpc angular_pdpc(int angle, int width, int length) {
    AngularPdpc pdpc;
    const int inverse = inverse_angle(angle);
    const int scale = std::min(2, log2_of(length) - (log2_of(3 * inverse - 2) - 8));
    if (scale < 0) return pdpc;
    pdpc.count = std::min(3 << scale, width);
    for (int x = 0; x < pdpc.count; x++) {
        pdpc.weight[size_t(x)] = 32 >> ((2 * x) >> scale);
        pdpc.side_index[size_t(x)] = 1 + ((256 + (x + 1) * inverse) >> 9);
    }
    return pdpc;
}

// As if the mode were vertical: `main` is the line the samples are projected to, main[0] the corner,
// valid from -height on for negative angles. W: width of the (perhaps transposed) block.
template <int W>
void predict_rows(const RefSample* main, const RefSample* side, int angle, Interpolation interpolation,
                  int height, Sample* dst, std::ptrdiff_t stride) {
    if (angle == 0) {
        const int scale = (log2_of(W) + log2_of(height) - 2) >> 2;
        const int count = std::min(3 << scale, W);
        for (int y = 0; y < height; y++, dst += stride) {
            std::copy_n(main + 1, W, dst);
            const int gradient = side[1 + y] - main[0];
            for (int x = 0; x < count; x++) {
                const int weight = 32 >> ((2 * x) >> scale);
                dst[x] = Sample(std::clamp(main[1 + x] + ((weight * gradient + 32) >> 6), 0, kMaxSample));
            }
        }
        return;
    }
    const AngularPdpc pdpc = angle > 0 ? angular_pdpc(angle, W, height) : AngularPdpc{};
    int position = 0;
    for (int y = 0; y < height; y++, dst += stride) {
        position += angle;
        const RefSample* ref = main + (position >> 5);  // ref[1 + x]: sample at or before the projection
        const int fraction = position & 31;
        if ((angle & 31) == 0) {
            std::copy_n(ref + 1, W, dst);
        } else if (interpolation == Interpolation::kLinear) {
            interpolate_linear<W>(ref, fraction, dst);
        } else if (interpolation == Interpolation::kCubic) {
            interpolate_cubic<W>(ref, fraction, dst);
        } else {
            interpolate_gaussian<W>(ref, fraction, dst);
        }
        for (int x = 0; x < pdpc.count; x++) {
            const int value = dst[x];
            const int target = side[pdpc.side_index[size_t(x)] + y];
            dst[x] = Sample(value + ((pdpc.weight[size_t(x)] * (target - value) + 32) >> 6));
        }
    }
}

void predict_rows(const RefSample* main, const RefSample* side, int angle, Interpolation interpolation,
                  int width, int height, Sample* dst, std::ptrdiff_t stride) {
    switch (width) {
        case 4:
            return predict_rows<4>(main, side, angle, interpolation, height, dst, stride);
        case 8:
            return predict_rows<8>(main, side, angle, interpolation, height, dst, stride);
        case 16:
            return predict_rows<16>(main, side, angle, interpolation, height, dst, stride);
        case 32:
            return predict_rows<32>(main, side, angle, interpolation, height, dst, stride);
        default:
            return predict_rows<64>(main, side, angle, interpolation, height, dst, stride);
    }
}

// dst (w x h) = transpose of src (h wide, rows without padding), in 4x4 tiles to stay in the cache's lines.
void transpose(const Sample* src, int w, int h, Sample* dst, std::ptrdiff_t stride) {
    for (int y = 0; y < h; y += 4) {
        for (int x = 0; x < w; x += 4) {
            const Sample* s = src + x * h + y;
            Sample* d = dst + y * stride + x;
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 4; j++) d[i * stride + j] = s[j * h + i];
        }
    }
}

}  // namespace

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
    std::array<RefSample, 2 * kMaxTbSize + 2> extended;
    const RefSample* main = along.data();
    if (direction.angle < 0) {
        const int inverse = inverse_angle(-direction.angle);
        RefSample* origin = extended.data() + height;
        for (int k = 1; k <= height; k++)
            origin[-k] = side[size_t(std::min((k * inverse + 256) >> 9, height))];
        std::copy_n(along.begin(), width + 2, origin);
        main = origin;
    }

    if (direction.vertical) {
        predict_rows(main, side.data(), direction.angle, interpolation, width, height, dst, dst_stride);
    } else {
        std::array<Sample, kMaxTbSize * kMaxTbSize> transposed;
        predict_rows(main, side.data(), direction.angle, interpolation, width, height, transposed.data(),
                     width);
        transpose(transposed.data(), w, h, dst, dst_stride);
    }
}

}  // namespace idse::vvc
