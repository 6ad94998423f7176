// Compiled with AVX2 switched on where the compiler has it; elsewhere sse_avx2() is null.
#include "sse_kernel.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace idse {
namespace vtm {

#if defined(__AVX2__)

namespace {

inline __m128i load(const std::int16_t* p, int count) {
    if (count == 8) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));  // 4
}

// Differences of up to 15 bits signed: a pair of squares is below 2^31, sums are widened at once.
inline __m256i squares(__m128i a, __m128i b) {
    const __m128i d = _mm_sub_epi16(a, b);
    return _mm256_cvtepu32_epi64(_mm_madd_epi16(d, d));
}

inline std::int64_t sum(__m256i v) {
    const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return _mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1);
}

std::int64_t sse_with_avx2(const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                           std::ptrdiff_t b_stride, int w, int h) {
    __m256i total = _mm256_setzero_si256();
    std::int64_t rest = 0;
    for (int y = 0; y < h; y++, a += a_stride, b += b_stride) {
        int x = 0;
        for (; x + 16 <= w; x += 16) {
            const __m256i d = _mm256_sub_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + x)),
                                               _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + x)));
            const __m256i pairs = _mm256_madd_epi16(d, d);
            total = _mm256_add_epi64(total, _mm256_cvtepu32_epi64(_mm256_castsi256_si128(pairs)));
            total = _mm256_add_epi64(total, _mm256_cvtepu32_epi64(_mm256_extracti128_si256(pairs, 1)));
        }
        for (; x + 8 <= w; x += 8) total = _mm256_add_epi64(total, squares(load(a + x, 8), load(b + x, 8)));
        for (; x + 4 <= w; x += 4) total = _mm256_add_epi64(total, squares(load(a + x, 4), load(b + x, 4)));
        for (; x < w; x++) {
            const std::int64_t e = std::int64_t(a[x]) - b[x];
            rest += e * e;
        }
    }
    return sum(total) + rest;
}

}  // namespace

SseKernel sse_avx2() {
#if defined(__GNUC__)
    return __builtin_cpu_supports("avx2") ? sse_with_avx2 : nullptr;
#else
    return sse_with_avx2;
#endif
}

#else

SseKernel sse_avx2() {
    return nullptr;
}

#endif

}  // namespace vtm
}  // namespace idse
