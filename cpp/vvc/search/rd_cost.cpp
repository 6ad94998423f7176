#include "rd_cost.h"

#include <cmath>

#include "../simd/kernels.h"
#include "../weights/fixed_math.h"

namespace idse::vvc {

Lambda lambda_of_qp(int qp, bool dependent_quant, int qp_fine) {
    // Dependent quantisation has a denser lattice at the same QP (it signals QP + 1): a quarter QP more
    // lambda.
    const double qp_real = qp + qp_fine / 16.0 + (dependent_quant ? 0.25 : 0.0);
    const double lambda = 0.57 * 16 * portable_exp2((qp_real - 12) / 3);
    return Lambda{std::llround(lambda * double(1 << kWeightShift))};
}

std::int64_t sqrt_lambda(Lambda lambda) {
    return std::llround(std::sqrt(double(lambda.fx) / double(1 << kWeightShift)) * 256);
}

std::int64_t satd(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride, int w,
                  int h) {
    return kernels().satd(a, a_stride, b, b_stride, w, h);
}

}  // namespace idse::vvc
