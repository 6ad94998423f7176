// The DCT-II in both directions.

namespace idse::vvc {
namespace IDSE_SIMD_LEVEL {
namespace {

// Every 1-D transform is a set of inner products of contiguous 16-bit numbers with a length known at compile
// time, which compilers turn into multiply-add instructions. Four rows against one row of the matrix at a
// time.
template <int N>
inline void dot4(const std::int16_t* a, const std::int16_t* rows, std::ptrdiff_t stride, std::int32_t* out) {
    if constexpr (N == 16) {
        std::int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (int i = 0; i < N; i++) {
            s0 += std::int32_t(a[i]) * rows[i];
            s1 += std::int32_t(a[i]) * rows[i + stride];
            s2 += std::int32_t(a[i]) * rows[i + 2 * stride];
            s3 += std::int32_t(a[i]) * rows[i + 3 * stride];
        }
        out[0] = s0, out[1] = s1, out[2] = s2, out[3] = s3;
    } else {
        for (int r = 0; r < 4; r++, rows += stride) {
            std::int32_t sum = 0;
            for (int i = 0; i < N; i++) sum += std::int32_t(a[i]) * rows[i];
            out[r] = sum;
        }
    }
}

inline std::int16_t clip16(std::int32_t v) {
    return std::int16_t(clip(v, -32768, 32767));
}

template <class F>
void with_matrix(int log2_size, F f) {
    switch (log2_size) {
        case 2:
            return f(kDct2Matrix4);
        case 3:
            return f(kDct2Matrix8);
        case 4:
            return f(kDct2Matrix16);
        case 5:
            return f(kDct2Matrix32);
        default:
            return f(kDct2Matrix64);
    }
}

// out[k * rows + row] = coefficient k of a row: the output is transposed, so that a second call does the
// columns. rows is a multiple of 4.
template <int N>
void forward_stage(const Dct2Matrix<N>& m, const std::int16_t* in, std::ptrdiff_t stride, int rows, int shift,
                   std::int16_t* out) {
    const std::int32_t round = 1 << (shift - 1);
    for (int row = 0; row < rows; row += 4)
        for (int k = 0; k < Dct2Matrix<N>::kCoded; k++) {
            std::int32_t sums[4];
            dot4<N>(m.forward[k], in + row * stride, stride, sums);
            for (int r = 0; r < 4; r++) out[k * rows + row + r] = std::int16_t((sums[r] + round) >> shift);
        }
}

template <int N>
inline std::int32_t dot(const std::int16_t* a, const std::int16_t* b) {
    std::int32_t sum = 0;
    for (int i = 0; i < N; i++) sum += std::int32_t(a[i]) * b[i];
    return sum;
}
// With a length known at run time only, loops stay loops and become vector instructions.
inline std::int32_t dot8(const std::int16_t* a, const std::int16_t* b, int eighths) {
    std::int32_t sum = 0;
    for (int i = 0; i < 8 * eighths; i++) sum += std::int32_t(a[i]) * b[i];
    return sum;
}

// Rows of coefficients, stored as `taps` even ones and then `taps` odd ones per row; store(row, n, value)
// takes sample n of a row. kTaps is taps if that is 2 or 4, else 0.
template <int N, int kTaps, class Store>
void inverse_stage(const Dct2Matrix<N>& m, const std::int16_t* in, int taps, int rows, int shift,
                   Store store) {
    const std::int32_t round = 1 << (shift - 1);
    for (int row = 0; row < rows; row++, in += 2 * taps)
        for (int n = 0; n < N / 2; n++) {
            std::int32_t even, odd;
            if constexpr (kTaps != 0) {
                even = dot<kTaps>(m.inverse_even[n], in) + round;
                odd = dot<kTaps>(m.inverse_odd[n], in + kTaps);
            } else {
                even = dot8(m.inverse_even[n], in, taps >> 3) + round;
                odd = dot8(m.inverse_odd[n], in + taps, taps >> 3);
            }
            store(row, n, (even + odd) >> shift);
            store(row, N - 1 - n, (even - odd) >> shift);
        }
}

// Taps (even frequencies) that cover `nonzero` frequencies.
inline int taps_of(int nonzero, int size) {
    int taps = 2;
    while (2 * taps < nonzero && 2 * taps < least(size, kMaxCodedSide)) taps *= 2;
    return taps;
}

template <int N, class Store>
void inverse_stage_of(const Dct2Matrix<N>& m, const std::int16_t* in, int taps, int rows, int shift,
                      Store store) {
    if (taps == 2) return inverse_stage<N, 2>(m, in, 2, rows, shift, store);
    if constexpr (N >= 8)
        if (taps == 4) return inverse_stage<N, 4>(m, in, 4, rows, shift, store);
    if constexpr (N >= 16) return inverse_stage<N, 0>(m, in, taps, rows, shift, store);
}

// Where frequency k stands in a row of even and odd ones.
inline int split_index(int k, int taps) {
    return (k & 1) * taps + (k >> 1);
}

void forward_dct2(const Residual* residual, std::ptrdiff_t stride, int log2_w, int log2_h, Coeff* out) {
    assert(is_side(1 << log2_w) && is_side(1 << log2_h));
    const int w = 1 << log2_w, h = 1 << log2_h;
    const int coded_w = least(w, kMaxCodedSide), coded_h = least(h, kMaxCodedSide);
    alignas(16) std::int16_t first[kMaxCodedSide * kMaxTbSize];      // [x frequency][row]
    alignas(16) std::int16_t second[kMaxCodedSide * kMaxCodedSide];  // [y frequency][x frequency]
    with_matrix(log2_w,
                [&](const auto& m) { forward_stage(m, residual, stride, h, log2_w + kBitDepth - 9, first); });
    with_matrix(log2_h, [&](const auto& m) { forward_stage(m, first, h, coded_w, log2_h + 6, second); });
    for (int y = 0; y < h; y++, out += w) {
        int x = 0;
        if (y < coded_h)
            for (; x < coded_w; x++) out[x] = second[y * coded_w + x];
        for (; x < w; x++) out[x] = 0;
    }
}

void inverse_dct2(const Coeff* in, int log2_w, int log2_h, int nonzero_w, int nonzero_h, Residual* residual,
                  std::ptrdiff_t stride) {
    assert(is_side(1 << log2_w) && is_side(1 << log2_h));
    const int w = 1 << log2_w, h = 1 << log2_h;
    const int columns = clip(nonzero_w, 1, least(w, kMaxCodedSide));
    const int rows = clip(nonzero_h, 1, least(h, kMaxCodedSide));
    const int taps_w = taps_of(columns, w), taps_h = taps_of(rows, h);
    alignas(16) std::int16_t coeffs[kMaxCodedSide * kMaxCodedSide];  // [x frequency][y frequency, split]
    alignas(16) std::int16_t between[kMaxTbSize * kMaxCodedSide];    // [row][x frequency, split]
    if (2 * taps_h > rows)
        __builtin_memset(coeffs, 0, sizeof(std::int16_t) * std::size_t(columns * 2 * taps_h));
    if (2 * taps_w > columns)
        __builtin_memset(between, 0, sizeof(std::int16_t) * std::size_t(h * 2 * taps_w));
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++)
            coeffs[x * 2 * taps_h + split_index(y, taps_h)] = std::int16_t(in[y * w + x]);

    with_matrix(log2_h, [&](const auto& m) {
        inverse_stage_of(m, coeffs, taps_h, columns, 7, [&](int x, int y, std::int32_t v) {
            between[y * 2 * taps_w + split_index(x, taps_w)] = clip16(v);
        });
    });
    with_matrix(log2_w, [&](const auto& m) {
        inverse_stage_of(m, between, taps_w, h, 20 - kBitDepth,
                         [&](int y, int x, std::int32_t v) { residual[y * stride + x] = clip16(v); });
    });
}

}  // namespace
}  // namespace IDSE_SIMD_LEVEL
}  // namespace idse::vvc
