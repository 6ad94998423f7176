#include "dct.h"

#include "../simd/kernels.h"

namespace idse::vvc {

void forward_dct2(const Residual* residual, std::ptrdiff_t stride, int log2_w, int log2_h, Coeff* out) {
    kernels().forward_dct2(residual, stride, log2_w, log2_h, out);
}

void inverse_dct2(const Coeff* in, int log2_w, int log2_h, int nonzero_w, int nonzero_h, Residual* residual,
                  std::ptrdiff_t stride) {
    kernels().inverse_dct2(in, log2_w, log2_h, nonzero_w, nonzero_h, residual, stride);
}

void forward_transform_skip(const Residual* residual, std::ptrdiff_t stride, int log2_w, int log2_h,
                            Coeff* out) {
    const int w = 1 << log2_w, h = 1 << log2_h;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) out[y * w + x] = residual[y * stride + x];
}

void inverse_transform_skip(const Coeff* in, int log2_w, int log2_h, Residual* residual,
                            std::ptrdiff_t stride) {
    const int w = 1 << log2_w, h = 1 << log2_h;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) residual[y * stride + x] = Residual(in[y * w + x]);
}

}  // namespace idse::vvc
