// Compiled with AVX2 switched on where the compiler has it; elsewhere tile_energy_avx2() is null.
#include "tile_kernel.h"

#if defined(__AVX2__)
#include <immintrin.h>

#include <cstring>
#endif

namespace idse {
namespace vtm {

#if defined(__AVX2__)

namespace {

constexpr int kWeightBits = 12;

template <int kCount>
inline __m128i load_row(const std::int16_t* p) {
    if (kCount == 8) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    long long bits = 0;  // beyond the tile: zeros
    std::memcpy(&bits, p, 2 * (kCount < 8 ? kCount : 4));
    return _mm_cvtsi64_si128(bits);
}

// out[k] = sum of basis[k][i] * in[i], rounded, for 8 vectors side by side.
template <int kCount, int kBits>
inline void transform(const std::int16_t (&basis)[kTileSide][kTileSide], const __m128i* in, __m256i* out) {
    constexpr int kPairs = (kCount + 1) / 2;
    __m256i pairs[kPairs];
    for (int j = 0; j < kPairs; j++) {
        const __m128i second = kCount == 1 ? _mm_setzero_si128() : in[2 * j + (kCount > 1)];
        pairs[j] =
            _mm256_set_m128i(_mm_unpackhi_epi16(in[2 * j], second), _mm_unpacklo_epi16(in[2 * j], second));
    }
    const __m256i half = _mm256_set1_epi32(1 << (kBits - 1));
    for (int k = 0; k < kCount; k++) {
        __m256i sum = half;
        for (int j = 0; j < kPairs; j++) {
            int two = 0;
            std::memcpy(&two, &basis[k][2 * j], 4);
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs[j], _mm256_set1_epi32(two)));
        }
        out[k] = _mm256_srai_epi32(sum, kBits);
    }
}

inline void transpose(const __m128i (&in)[kTileSide], __m128i (&out)[kTileSide]) {
    __m128i a[kTileSide], b[kTileSide];
    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm_unpacklo_epi16(in[2 * i], in[2 * i + 1]);
        a[2 * i + 1] = _mm_unpackhi_epi16(in[2 * i], in[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        b[4 * i] = _mm_unpacklo_epi32(a[4 * i], a[4 * i + 2]);
        b[4 * i + 1] = _mm_unpackhi_epi32(a[4 * i], a[4 * i + 2]);
        b[4 * i + 2] = _mm_unpacklo_epi32(a[4 * i + 1], a[4 * i + 3]);
        b[4 * i + 3] = _mm_unpackhi_epi32(a[4 * i + 1], a[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        out[2 * i] = _mm_unpacklo_epi64(b[i], b[i + 4]);
        out[2 * i + 1] = _mm_unpackhi_epi64(b[i], b[i + 4]);
    }
}

template <int kWidth, int kHeight>
std::int64_t energy(const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                    std::ptrdiff_t b_stride, const TileWeights& weights) {
    constexpr int kLog2[9] = {0, 0, 1, 0, 2, 0, 0, 0, 3};
    const __m128i most = _mm_set1_epi16(kGreatestError), least = _mm_set1_epi16(-kGreatestError);
    __m128i rows[kTileSide];
    for (int y = 0; y < kHeight; y++) {
        const __m128i e =
            _mm_sub_epi16(load_row<kWidth>(a + y * a_stride), load_row<kWidth>(b + y * b_stride));
        rows[y] = _mm_max_epi16(_mm_min_epi16(e, most), least);
    }
    __m256i wide[kTileSide];
    transform<kHeight, kBasisBits - kMiddleBits>(kTileBasis[kLog2[kHeight]], rows, wide);
    for (int v = 0; v < kTileSide; v++)
        rows[v] = v < kHeight
                      ? _mm_packs_epi32(_mm256_castsi256_si128(wide[v]), _mm256_extracti128_si256(wide[v], 1))
                      : _mm_setzero_si128();
    __m128i columns[kTileSide];
    transpose(rows, columns);
    transform<kWidth, kBasisBits + kMiddleBits - kCoefficientBits>(kTileBasis[kLog2[kWidth]], columns, wide);
    __m256i total = _mm256_setzero_si256();
    for (int u = 0; u < kWidth; u++) {
        const __m256i square = _mm256_mullo_epi32(wide[u], wide[u]);
        const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights.columns[u]));
        total = _mm256_add_epi64(total, _mm256_mul_epu32(square, w));
        total = _mm256_add_epi64(total,
                                 _mm256_mul_epu32(_mm256_srli_epi64(square, 32), _mm256_srli_epi64(w, 32)));
    }
    const __m128i two = _mm_add_epi64(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
    constexpr int kShift = 2 * kCoefficientBits + kWeightBits - kEnergyBits;
    return (_mm_cvtsi128_si64(two) + _mm_extract_epi64(two, 1) + (1 << (kShift - 1))) >> kShift;
}

template <int kWidth>
std::int64_t energy_of_height(const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                              std::ptrdiff_t b_stride, const TileWeights& weights) {
    switch (weights.h) {
        case 8:
            return energy<kWidth, 8>(a, a_stride, b, b_stride, weights);
        case 4:
            return energy<kWidth, 4>(a, a_stride, b, b_stride, weights);
        case 2:
            return energy<kWidth, 2>(a, a_stride, b, b_stride, weights);
        default:
            return energy<kWidth, 1>(a, a_stride, b, b_stride, weights);
    }
}

std::int64_t tile_energy_with_avx2(const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                                   std::ptrdiff_t b_stride, const TileWeights& weights) {
    switch (weights.w) {
        case 8:
            return energy_of_height<8>(a, a_stride, b, b_stride, weights);
        case 4:
            return energy_of_height<4>(a, a_stride, b, b_stride, weights);
        case 2:
            return energy_of_height<2>(a, a_stride, b, b_stride, weights);
        default:
            return energy_of_height<1>(a, a_stride, b, b_stride, weights);
    }
}

}  // namespace

TileKernel tile_energy_avx2() {
#if defined(__GNUC__)
    return __builtin_cpu_supports("avx2") ? tile_energy_with_avx2 : nullptr;
#else
    return tile_energy_with_avx2;
#endif
}

#else

TileKernel tile_energy_avx2() {
    return nullptr;
}

#endif

}  // namespace vtm
}  // namespace idse
