#include "planar_dc.h"

#include "../block_math.h"
#include "../simd/kernels.h"

namespace idse::vvc {

namespace {

int dc_value(const ReferenceSamples& reference, int w, int h) {
    int sum = 0;
    int count = 0;
    // An oblong block averages its longer side only, so that the count is a power of two.
    if (w >= h) {
        for (int x = 1; x <= w; x++) sum += reference.top[size_t(x)];
        count += w;
    }
    if (h >= w) {
        for (int y = 1; y <= h; y++) sum += reference.left[size_t(y)];
        count += h;
    }
    return (sum + (count >> 1)) >> log2_of(count);
}

}  // namespace

void predict_planar(const ReferenceSamples& reference, int w, int h, Sample* dst, std::ptrdiff_t dst_stride) {
    kernels().planar(reference.top.data(), reference.left.data(), w, h, dst, dst_stride);
}

void predict_dc(const ReferenceSamples& reference, int w, int h, Sample* dst, std::ptrdiff_t dst_stride) {
    kernels().dc(reference.top.data(), reference.left.data(), dc_value(reference, w, h), w, h, dst,
                 dst_stride);
}

}  // namespace idse::vvc
