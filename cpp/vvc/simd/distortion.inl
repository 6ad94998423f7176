// Differences of sample blocks: SATD, SSE, residual and reconstruction.

namespace idse::vvc {
namespace IDSE_SIMD_LEVEL {
namespace {

inline void butterfly(Lanes& a, Lanes& b) {
    const Lanes sum = a + b;
    b = a - b;
    a = sum;
}
// Butterflies of lanes i and i + 4 of both, results interleaved: three times (with partners that differ) is
// the transform of eight lanes, in some order.
inline void butterfly_lanes(Lanes& a, Lanes& b) {
    const Lanes low = interleave_low(a, b), high = interleave_high(a, b);
    a = low + high;
    b = low - high;
}
// The last stage: |p + q| + |p - q| = 2 max(|p|, |q|), of which this is the half. Differences of 11 bits
// make 16 bits before this stage of 64 samples, so that nothing overflows.
inline Lanes last_stage(Lanes a, Lanes b) {
    return maximum(magnitude(interleave_low(a, b)), magnitude(interleave_high(a, b)));
}
inline std::int32_t satd8(const Sample* a, std::ptrdiff_t a_stride, const Sample* b,
                          std::ptrdiff_t b_stride) {
    Lanes m[8];
    for (int y = 0; y < 8; y++) m[y] = load(a + y * a_stride) - load(b + y * b_stride);
    for (int step = 4; step > 0; step /= 2)
        for (int base = 0; base < 8; base += 2 * step)
            for (int i = base; i < base + step; i++) butterfly(m[i], m[i + step]);
    for (int i = 0; i < 8; i += 2) butterfly_lanes(m[i], m[i + 1]);
    for (int i = 0; i < 8; i += 4) {
        butterfly_lanes(m[i], m[i + 2]);
        butterfly_lanes(m[i + 1], m[i + 3]);
    }
    Lanes32 sum = {};
    for (int i = 0; i < 4; i++) {
        const Lanes v = last_stage(m[i], m[i + 4]);
        // Each 32-bit lane's two halves; neither is negative.
        const auto pair = Lanes32(v);
        sum += (pair & 0xffff) + (pair >> 16);
    }
    return (2 * (sum[0] + sum[1] + sum[2] + sum[3]) + 2) >> 2;
}

inline std::int32_t satd4(const Sample* a, std::ptrdiff_t a_stride, const Sample* b,
                          std::ptrdiff_t b_stride) {
    Lanes p = load_halves(a, a + a_stride) - load_halves(b, b + b_stride);
    Lanes q =
        load_halves(a + 2 * a_stride, a + 3 * a_stride) - load_halves(b + 2 * b_stride, b + 3 * b_stride);
    butterfly(p, q);
    butterfly_lanes(p, q);
    butterfly_lanes(p, q);
    const auto pair = Lanes32(last_stage(p, q));
    const Lanes32 sum = (pair & 0xffff) + (pair >> 16);
    return (2 * (sum[0] + sum[1] + sum[2] + sum[3]) + 1) >> 1;
}

std::int64_t satd(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride, int w,
                  int h) {
    assert(w > 0 && h > 0 && w % 4 == 0 && h % 4 == 0);
    std::int64_t sum = 0;
    if (w % 8 == 0 && h % 8 == 0) {
        for (int y = 0; y < h; y += 8)
            for (int x = 0; x < w; x += 8)
                sum += satd8(a + y * a_stride + x, a_stride, b + y * b_stride + x, b_stride);
    } else {
        for (int y = 0; y < h; y += 4)
            for (int x = 0; x < w; x += 4)
                sum += satd4(a + y * a_stride + x, a_stride, b + y * b_stride + x, b_stride);
    }
    return sum;
}

template <int W>
std::int64_t sse_of(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride,
                    int h) {
    std::int64_t sum = 0;
    for (int y = 0; y < h; y++, a += a_stride, b += b_stride) {
        std::int32_t row = 0;  // 64 * 1023^2 fits
        for (int x = 0; x < W; x++) {
            const auto e = std::int16_t(std::int16_t(a[x]) - std::int16_t(b[x]));
            row += std::int32_t(e) * e;
        }
        sum += row;
    }
    return sum;
}

std::int64_t sse(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride, int w,
                 int h) {
    assert(w > 0 && w <= kMaxSseWidth);
    switch (w) {
        case 4:
            return sse_of<4>(a, a_stride, b, b_stride, h);
        case 8:
            return sse_of<8>(a, a_stride, b, b_stride, h);
        case 16:
            return sse_of<16>(a, a_stride, b, b_stride, h);
        case 32:
            return sse_of<32>(a, a_stride, b, b_stride, h);
        case 64:
            return sse_of<64>(a, a_stride, b, b_stride, h);
        default:
            break;
    }
    std::int64_t sum = 0;
    for (int y = 0; y < h; y++, a += a_stride, b += b_stride) {
        std::int32_t row = 0;  // kMaxSseWidth * 1023^2 fits
        for (int x = 0; x < w; x++) {
            const std::int32_t e = std::int32_t(a[x]) - b[x];
            row += e * e;
        }
        sum += row;
    }
    return sum;
}

void subtract(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, int w, int h, Residual* out) {
    assert(w > 0 && w % 4 == 0);
    for (int y = 0; y < h; y++, a += a_stride, b += w, out += w)
        for (int x = 0; x < w; x += 4) {
            Residual four[4];
            for (int i = 0; i < 4; i++) four[i] = Residual(a[x + i] - b[x + i]);
            __builtin_memcpy(out + x, four, sizeof four);
        }
}

void reconstruct(const Sample* prediction, const Residual* residual, int count, Sample* out) {
    assert(count % 16 == 0);
    for (int i = 0; i < count; i += 16) {
        Sample some[16];
        for (int k = 0; k < 16; k++) {
            // No more than a sample's range each way can matter, and 16 bits hold it.
            const auto r = Residual(clip(residual[i + k], -kMaxSample, kMaxSample));
            some[k] = Sample(clip(Residual(Residual(prediction[i + k]) + r), 0, kMaxSample));
        }
        __builtin_memcpy(out + i, some, sizeof some);
    }
}

// A difference of two coefficients has 17 bits with its sign, and its square fits 32 bits without one.
std::int64_t weighted_squares(const Coeff* a, const Coeff* b, const std::uint32_t* weights, int count) {
    assert(count % 16 == 0 && count <= kMaxTbSize * kMaxTbSize);
    std::uint64_t sum = 0;
    for (int i = 0; i < count; i++) {
        const auto error = std::uint32_t(a[i] - b[i]);
        sum += std::uint64_t(error * error) * weights[i];
    }
    return std::int64_t(sum);
}

}  // namespace
}  // namespace IDSE_SIMD_LEVEL
}  // namespace idse::vvc
