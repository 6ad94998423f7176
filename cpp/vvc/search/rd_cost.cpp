#include "rd_cost.h"

#include <cmath>
#include <cstdlib>

#include "../weights/fixed_math.h"

namespace idse::vvc {

Lambda lambda_of_qp(int qp, bool dependent_quant, int qp_fine) {
    // Dependent quantisation has a denser lattice at the same QP (it signals QP + 1): a quarter QP more
    // lambda.
    const double qp_real = qp + qp_fine / 16.0 + (dependent_quant ? 0.25 : 0.0);
    const double lambda = 0.57 * 16 * portable_exp2((qp_real - 12) / 3);
    return Lambda{std::llround(lambda * double(1 << kWeightShift))};
}

Weight weight_of_qp_delta(int delta_qp) {
    return Weight{std::uint32_t(std::llround(portable_exp2(delta_qp / 3.0) * double(1 << kWeightShift)))};
}

std::int64_t sqrt_lambda(Lambda lambda) {
    return std::llround(std::sqrt(double(lambda.fx) / double(1 << kWeightShift)) * 256);
}

namespace {

// One pass of butterflies over `N` rows of `N` lanes; the lanes are independent, so the compiler vectorises
// them.
template <int N>
void hadamard_rows(std::int32_t (&m)[N][N]) {
    for (int step = N / 2; step > 0; step /= 2)
        for (int base = 0; base < N; base += 2 * step)
            for (int i = base; i < base + step; i++)
                for (int lane = 0; lane < N; lane++) {
                    const std::int32_t p = m[i][lane];
                    const std::int32_t q = m[i + step][lane];
                    m[i][lane] = p + q;
                    m[i + step][lane] = p - q;
                }
}

template <int N>
std::int32_t satd_block(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride) {
    std::int32_t m[N][N];
    std::int32_t t[N][N];
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++) m[y][x] = std::int32_t(a[y * a_stride + x]) - b[y * b_stride + x];
    hadamard_rows<N>(m);
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++) t[x][y] = m[y][x];
    hadamard_rows<N>(t);
    std::int32_t sum = 0;
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++) sum += std::abs(t[y][x]);
    return N == 8 ? (sum + 2) >> 2 : (sum + 1) >> 1;
}

}  // namespace

std::int64_t satd(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride, int w,
                  int h) {
    std::int64_t total = 0;
    if (w % 8 == 0 && h % 8 == 0) {
        for (int y = 0; y < h; y += 8)
            for (int x = 0; x < w; x += 8)
                total += satd_block<8>(a + y * a_stride + x, a_stride, b + y * b_stride + x, b_stride);
    } else {
        for (int y = 0; y < h; y += 4)
            for (int x = 0; x < w; x += 4)
                total += satd_block<4>(a + y * a_stride + x, a_stride, b + y * b_stride + x, b_stride);
    }
    return total;
}

}  // namespace idse::vvc
