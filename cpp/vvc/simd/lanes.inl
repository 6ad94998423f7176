// Vectors of eight 16-bit lanes, which every target has, by the extensions that GCC and Clang share.

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace idse::vvc {
namespace IDSE_SIMD_LEVEL {
namespace {

typedef std::int16_t Lanes __attribute__((vector_size(16)));
typedef std::uint16_t UnsignedLanes __attribute__((vector_size(16)));
typedef std::int32_t Lanes32 __attribute__((vector_size(16)));
typedef std::int64_t Lanes64 __attribute__((vector_size(16)));

#if defined(__clang__)
inline Lanes interleave_low(Lanes a, Lanes b) {
    return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
inline Lanes interleave_high(Lanes a, Lanes b) {
    return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
#else
inline Lanes interleave_low(Lanes a, Lanes b) {
    return __builtin_shuffle(a, b, Lanes{0, 8, 1, 9, 2, 10, 3, 11});
}
inline Lanes interleave_high(Lanes a, Lanes b) {
    return __builtin_shuffle(a, b, Lanes{4, 12, 5, 13, 6, 14, 7, 15});
}
#endif

template <class T>
inline Lanes load(const T* p) {
    Lanes v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
template <class T>
inline std::int64_t load_half(const T* p) {
    std::int64_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
// By way of 64-bit words: vectors put together in memory would wait for their halves.
template <class T>
inline Lanes load_halves(const T* low, const T* high) {
    return Lanes(Lanes64{load_half(low), load_half(high)});
}
// The first kCount lanes, 4 or 8.
template <int kCount>
inline void store(Lanes v, Sample* p) {
    if constexpr (kCount == 8) {
        __builtin_memcpy(p, &v, sizeof v);
    } else {
        const std::int64_t low = Lanes64(v)[0];
        __builtin_memcpy(p, &low, sizeof low);
    }
}

inline Lanes all_lanes(int value) {
    const auto v = std::int16_t(value);
    return Lanes{v, v, v, v, v, v, v, v};
}
inline Lanes maximum(Lanes a, Lanes b) {
    return a > b ? a : b;
}
inline Lanes minimum(Lanes a, Lanes b) {
    return a < b ? a : b;
}
inline Lanes magnitude(Lanes v) {
    return maximum(v, -v);
}
// Sums of the products of lanes 2i and 2i + 1.
inline Lanes32 multiply_pairs(Lanes a, Lanes b) {
#if defined(__SSE2__)
    return Lanes32(_mm_madd_epi16(__m128i(a), __m128i(b)));
#else
    return ((Lanes32(a) << 16) >> 16) * ((Lanes32(b) << 16) >> 16) + (Lanes32(a) >> 16) * (Lanes32(b) >> 16);
#endif
}
// Numbers that fit 16 bits.
inline Lanes narrow(Lanes32 a, Lanes32 b) {
#if defined(__SSE2__)
    return Lanes(_mm_packs_epi32(__m128i(a), __m128i(b)));
#else
    Lanes v;
    for (int i = 0; i < 4; i++) v[i] = std::int16_t(a[i]), v[i + 4] = std::int16_t(b[i]);
    return v;
#endif
}

}  // namespace
}  // namespace IDSE_SIMD_LEVEL
}  // namespace idse::vvc
