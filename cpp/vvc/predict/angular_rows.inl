// Rows of an angular mode as if it were vertical: `main` is the line the samples are projected to, main[0]
// the corner, valid from -height on for negative angles; `side` the other one. The loops work on local arrays
// of a size known at compile time, so that the compiler needs no checks for overlap nor a remainder loop.

namespace idse::vvc {
namespace IDSE_SIMD_LEVEL {
namespace {

// In the order of enum Interpolation.
enum RowFilter { kLinearRow, kCubicRow, kGaussianRow, kCopyRow };

template <int W, RowFilter kFilter>
inline void interpolate(const RefSample* ref, int fraction, Sample* out) {
    Sample row[W];
    if constexpr (kFilter == kCopyRow) {
        __builtin_memcpy(row, ref + 1, sizeof row);
    } else if constexpr (kFilter == kLinearRow) {
        std::uint16_t r[W + 1];
        __builtin_memcpy(r, ref + 1, sizeof r);
        const auto f1 = std::uint16_t(fraction);
        const auto f0 = std::uint16_t(32 - fraction);
        // At most 32 * 1023 + 16: fits 16 bits.
        for (int x = 0; x < W; x++) row[x] = Sample(std::uint16_t(f0 * r[x] + f1 * r[x + 1] + 16) >> 5);
    } else if constexpr (kFilter == kGaussianRow) {
        std::uint16_t r[W + 3];
        __builtin_memcpy(r, ref, sizeof r);
        const auto half = std::uint16_t(fraction >> 1);
        const auto f0 = std::uint16_t(16 - half);
        const auto f1 = std::uint16_t(32 - half);
        const auto f2 = std::uint16_t(16 + half);
        // All taps are positive with sum 64: at most 64 * 1023 + 32, which fits 16 bits.
        for (int x = 0; x < W; x++)
            row[x] =
                Sample(std::uint16_t(f0 * r[x] + f1 * r[x + 1] + f2 * r[x + 2] + half * r[x + 3] + 32) >> 6);
    } else {
        RefSample r[W + 3];
        __builtin_memcpy(r, ref, sizeof r);
        const std::int16_t* const f = kCubicFilter[fraction];
        for (int x = 0; x < W; x++) {
            const int sum = f[0] * r[x] + f[1] * r[x + 1] + f[2] * r[x + 2] + f[3] * r[x + 3];
            row[x] = Sample(clip((sum + 32) >> 6, 0, kMaxSample));
        }
    }
    __builtin_memcpy(out, row, sizeof row);
}

// PDPC of an angle > 0: the first samples of each row are drawn towards the side line.
struct RowPdpc {
    int count = 0;            // samples per row; 0 = none
    std::int16_t weight[12];  // wL[x]
    int side_index[12];       // into the side line, for row 0
};

// `length`: the block's side along the main direction's normal (nTbH for vertical modes, nTbW for
// horizontal).
inline void row_pdpc(int angle, int width, int length, RowPdpc& pdpc) {
    const int inverse = inverse_angle(angle);
    const int scale = least(2, floor_log2(length) - (floor_log2(3 * inverse - 2) - 8));
    if (scale < 0) return;
    pdpc.count = least(3 << scale, width);
    for (int x = 0; x < pdpc.count; x++) {
        pdpc.weight[x] = std::int16_t(32 >> ((2 * x) >> scale));
        pdpc.side_index[x] = 1 + ((256 + (x + 1) * inverse) >> 9);
    }
}

template <int W, RowFilter kFilter>
void filtered_rows(const RefSample* main, const RefSample* side, int angle, int height, Sample* dst,
                   std::ptrdiff_t stride) {
    RowPdpc pdpc;
    if (angle > 0) row_pdpc(angle, W, height, pdpc);
    int position = angle;
    for (int y = 0; y < height; y++, dst += stride, position += angle) {
        // ref[1 + x]: sample at or before the projection
        interpolate<W, kFilter>(main + (position >> 5), position & 31, dst);
        for (int x = 0; x < pdpc.count; x++) {
            const int value = dst[x];
            const int target = side[pdpc.side_index[x] + y];
            dst[x] = Sample(value + ((pdpc.weight[x] * (target - value) + 32) >> 6));
        }
    }
}

// Horizontal and vertical proper.
template <int W>
void straight_rows(const RefSample* main, const RefSample* side, int height, Sample* dst,
                   std::ptrdiff_t stride) {
    const int scale = (floor_log2(W) + floor_log2(height) - 2) >> 2;
    const int count = least(3 << scale, W);
    for (int y = 0; y < height; y++, dst += stride) {
        __builtin_memcpy(dst, main + 1, W * sizeof *dst);
        const int gradient = side[1 + y] - main[0];
        for (int x = 0; x < count; x++) {
            const int weight = 32 >> ((2 * x) >> scale);
            dst[x] = Sample(clip(main[1 + x] + ((weight * gradient + 32) >> 6), 0, kMaxSample));
        }
    }
}

template <int W>
void angular_rows_of(const RefSample* main, const RefSample* side, int angle, int interpolation, int height,
                     Sample* dst, std::ptrdiff_t stride) {
    if (angle == 0)
        straight_rows<W>(main, side, height, dst, stride);
    else if ((angle & 31) == 0)
        filtered_rows<W, kCopyRow>(main, side, angle, height, dst, stride);
    else if (interpolation == kLinearRow)
        filtered_rows<W, kLinearRow>(main, side, angle, height, dst, stride);
    else if (interpolation == kCubicRow)
        filtered_rows<W, kCubicRow>(main, side, angle, height, dst, stride);
    else
        filtered_rows<W, kGaussianRow>(main, side, angle, height, dst, stride);
}

void angular_rows(const RefSample* main, const RefSample* side, int angle, int interpolation, int width,
                  int height, Sample* dst, std::ptrdiff_t stride) {
    switch (width) {
        case 4:
            return angular_rows_of<4>(main, side, angle, interpolation, height, dst, stride);
        case 8:
            return angular_rows_of<8>(main, side, angle, interpolation, height, dst, stride);
        case 16:
            return angular_rows_of<16>(main, side, angle, interpolation, height, dst, stride);
        case 32:
            return angular_rows_of<32>(main, side, angle, interpolation, height, dst, stride);
        default:
            return angular_rows_of<64>(main, side, angle, interpolation, height, dst, stride);
    }
}

}  // namespace
}  // namespace IDSE_SIMD_LEVEL
}  // namespace idse::vvc
