// Rows of an angular mode as if it were vertical: `main` is the line the samples are projected to, main[0]
// the corner, valid from -height on for negative angles; `side` the other one.

namespace idse::vvc {
namespace IDSE_SIMD_LEVEL {
namespace {

// In the order of enum Interpolation.
enum RowFilter { kLinearRow, kCubicRow, kGaussianRow, kCopyRow };

// Multipliers of a row: the filter's taps, each (pair) in all lanes.
template <RowFilter kFilter>
struct RowTaps {
    Lanes f[4];

    explicit RowTaps(int fraction) {
        if constexpr (kFilter == kLinearRow) {
            f[0] = all_lanes(32 - fraction);
            f[1] = all_lanes(fraction);
        } else if constexpr (kFilter == kGaussianRow) {
            const int half = fraction >> 1;
            f[0] = all_lanes(16 - half);
            f[1] = all_lanes(32 - half);
            f[2] = all_lanes(16 + half);
            f[3] = all_lanes(half);
        } else if constexpr (kFilter == kCubicRow) {
            const std::int16_t* const c = kCubicFilter[fraction];
            f[0] = Lanes{c[0], c[1], c[0], c[1], c[0], c[1], c[0], c[1]};
            f[1] = Lanes{c[2], c[3], c[2], c[3], c[2], c[3], c[2], c[3]};
        }
    }
};

// Eight samples from ref[1] (the sample at or before the projection of the first of them) on. May read up to
// seven samples more than a row of four needs.
template <RowFilter kFilter>
inline Lanes interpolate(const RefSample* ref, const RowTaps<kFilter>& taps) {
    const Lanes* const f = taps.f;
    if constexpr (kFilter == kCopyRow) return load(ref + 1);
    // Without a sign: lanes beyond the row may hold anything and wrap around.
    const auto product = [&](int tap, int i) { return UnsignedLanes(f[tap]) * UnsignedLanes(load(ref + i)); };
    // At most 32 * 1023 + 16, and (all taps positive, their sum 64) 64 * 1023 + 32: both fit 16 bits.
    if constexpr (kFilter == kLinearRow) return Lanes((product(0, 1) + product(1, 2) + 16) >> 5);
    if constexpr (kFilter == kGaussianRow)
        return Lanes((product(0, 0) + product(1, 1) + product(2, 2) + product(3, 3) + 32) >> 6);
    if constexpr (kFilter == kCubicRow) {
        const Lanes r0 = load(ref), r1 = load(ref + 1), r2 = load(ref + 2), r3 = load(ref + 3);
        const Lanes32 low =
            multiply_pairs(interleave_low(r0, r1), f[0]) + multiply_pairs(interleave_low(r2, r3), f[1]);
        const Lanes32 high =
            multiply_pairs(interleave_high(r0, r1), f[0]) + multiply_pairs(interleave_high(r2, r3), f[1]);
        const Lanes sum = narrow((low + 32) >> 6, (high + 32) >> 6);
        return minimum(maximum(sum, Lanes{}), all_lanes(kMaxSample));
    }
}

// PDPC of an angle > 0: the first samples of each row are drawn towards the side line.
struct RowPdpc {
    int count = 0;            // samples per row; 0 = none
    Lanes weight[2] = {};     // wL[x]
    int side_index[16] = {};  // into the side line, for row 0

    // `length`: the block's side along the main direction's normal (nTbH for vertical modes, nTbW for
    // horizontal).
    RowPdpc(int angle, int width, int length) {
        if (angle < 0) return;
        const int inverse = inverse_angle(angle);
        const int scale = least(2, floor_log2(length) - (floor_log2(3 * inverse - 2) - 8));
        if (scale < 0) return;
        count = least(3 << scale, width);
        std::int16_t weights[16] = {};
        for (int x = 0; x < count; x++) {
            weights[x] = std::int16_t(32 >> ((2 * x) >> scale));
            side_index[x] = 1 + ((256 + (x + 1) * inverse) >> 9);
        }
        weight[0] = load(weights);
        weight[1] = load(weights + 8);
    }
    // Samples x..x + 7 of row y.
    inline Lanes apply(Lanes v, const RefSample* side, int x, int y) const {
        const RefSample* const s = side + y;
        const int* const i = side_index + x;
        const Lanes target =
            count - x <= 4 ? Lanes{s[i[0]], s[i[1]], s[i[2]], s[i[3]], 0, 0, 0, 0}
                           : Lanes{s[i[0]], s[i[1]], s[i[2]], s[i[3]], s[i[4]], s[i[5]], s[i[6]], s[i[7]]};
        // The weighted difference and the rounding take 17 bits with a sign: a bias makes it 16 without one.
        constexpr int kBias = 511;
        const UnsignedLanes difference = UnsignedLanes(target) - UnsignedLanes(v);
        const UnsignedLanes product =
            UnsignedLanes(weight[x >> 3]) * difference + std::uint16_t(32 + (kBias << 6));
        return Lanes(UnsignedLanes(v) + (product >> 6) - std::uint16_t(kBias));
    }
};

template <int W, RowFilter kFilter>
void filtered_rows(const RefSample* main, const RefSample* side, int angle, int height, Sample* dst,
                   std::ptrdiff_t stride) {
    constexpr int kStep = W < 8 ? W : 8;
    const RowPdpc pdpc(angle, W, height);
    int position = angle;
    for (int y = 0; y < height; y++, dst += stride, position += angle) {
        const RefSample* const ref = main + (position >> 5);
        const RowTaps<kFilter> taps(position & 31);
        for (int x = 0; x < W; x += kStep) {
            Lanes v = interpolate<kFilter>(ref + x, taps);
            if (x < 16 && x < pdpc.count) v = pdpc.apply(v, side, x, y);
            store<kStep>(v, dst + x);
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
    assert(is_side(width) && is_side(height));
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

// In tiles of eight rows of dst by four columns, or four by four.
template <bool kEight>
inline void transpose_tile(const Sample* s, std::ptrdiff_t s_stride, Sample* d, std::ptrdiff_t stride) {
    // Lane i of row x of the source is for row i of dst.
    const auto row = [&](int x) {
        if constexpr (kEight) return load(s + x * s_stride);
        return Lanes(Lanes64{load_half(s + x * s_stride), 0});
    };
    const Lanes r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
    const auto put = [&](Lanes v, int y) {  // two rows of four
        const auto halves = Lanes64(v);
        const std::int64_t upper = halves[0], lower = halves[1];
        __builtin_memcpy(d + y * stride, &upper, sizeof upper);
        __builtin_memcpy(d + (y + 1) * stride, &lower, sizeof lower);
    };
    const Lanes a = interleave_low(r0, r2), b = interleave_low(r1, r3);
    put(interleave_low(a, b), 0);
    put(interleave_high(a, b), 2);
    if constexpr (kEight) {
        const Lanes c = interleave_high(r0, r2), e = interleave_high(r1, r3);
        put(interleave_low(c, e), 4);
        put(interleave_high(c, e), 6);
    }
}

void transpose(const Sample* src, int w, int h, Sample* dst, std::ptrdiff_t stride) {
    assert(is_side(w) && is_side(h));
    if (h == 4) {
        for (int x = 0; x < w; x += 4) transpose_tile<false>(src + x * h, h, dst + x, stride);
        return;
    }
    for (int y = 0; y < h; y += 8)
        for (int x = 0; x < w; x += 4) transpose_tile<true>(src + x * h + y, h, dst + y * stride + x, stride);
}

}  // namespace
}  // namespace IDSE_SIMD_LEVEL
}  // namespace idse::vvc
