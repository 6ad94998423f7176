// All kernels of one instruction set: included once per level, with IDSE_SIMD_LEVEL as the namespace's name.
// Everything has internal linkage, and nothing of the standard library's templates is used (see
// kernels_avx2.cpp).
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "../block_math.h"
#include "../types.h"
#include "angular_tables.h"
#include "dct_tables.h"
#include "kernels.h"
#include "lanes.inl"

namespace idse::vvc {
namespace IDSE_SIMD_LEVEL {
namespace {

using RefSample = std::int16_t;

inline int least(int a, int b) {
    return a < b ? a : b;
}
inline int greatest(int a, int b) {
    return a > b ? a : b;
}
inline int clip(int v, int low, int high) {
    return v < low ? low : v > high ? high : v;
}
inline int floor_log2(int v) {
    return 31 - __builtin_clz(unsigned(v));
}
inline bool is_side(int v) {
    return v >= kMinCbSize && v <= kMaxTbSize && (v & (v - 1)) == 0;
}

}  // namespace
}  // namespace IDSE_SIMD_LEVEL
}  // namespace idse::vvc

#include "angular_rows.inl"
#include "dct.inl"
#include "distortion.inl"
#include "planar_dc.inl"

namespace idse::vvc {
namespace IDSE_SIMD_LEVEL {
namespace {

constexpr Kernels kTable = {satd,   sse, subtract,     reconstruct,  angular_rows,    transpose,
                            planar, dc,  forward_dct2, inverse_dct2, weighted_squares};

}  // namespace
}  // namespace IDSE_SIMD_LEVEL
}  // namespace idse::vvc
