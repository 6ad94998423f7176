// Transforms: against the matrix form of clause 8.7.4, and round trips.
#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "vvc/simd/dct_tables.h"
#include "vvc/transform/dct.h"

using namespace idse::vvc;

namespace {

// Clause 8.7.4.1 word by word: columns, clip to 16 bits, rows.
std::vector<int> slow_inverse(const std::vector<Coeff>& in, int w, int h) {
    std::vector<std::int64_t> between(size_t(w * h));
    std::vector<int> out(size_t(w * h));
    for (int x = 0; x < w; x++)
        for (int y = 0; y < h; y++) {
            std::int64_t sum = 0;
            for (int k = 0; k < std::min(h, 32); k++)
                sum += std::int64_t{dct2_entry(h, k, y)} * in[size_t(k * w + x)];
            between[size_t(y * w + x)] = std::clamp<std::int64_t>((sum + 64) >> 7, -32768, 32767);
        }
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            std::int64_t sum = 0;
            for (int k = 0; k < std::min(w, 32); k++) sum += dct2_entry(w, k, x) * between[size_t(y * w + k)];
            out[size_t(y * w + x)] = int((sum + 512) >> 10);
        }
    return out;
}

struct Shape {
    int log2_w, log2_h;
};
std::vector<Shape> shapes() {
    std::vector<Shape> all;
    for (int w = 2; w <= 6; w++)
        for (int h = 2; h <= 6; h++) all.push_back({w, h});
    return all;
}

}  // namespace

TEST(dct2_matrix_rows_are_nearly_orthogonal) {
    for (int n : {4, 8, 16, 32, 64})
        for (int a = 0; a < n; a++)
            for (int b = 0; b <= a; b++) {
                double sum = 0;
                for (int i = 0; i < n; i++) sum += dct2_entry(n, a, i) * dct2_entry(n, b, i);
                CHECK(std::abs(sum / (4096.0 * n) - (a == b)) < 0.01);
            }
}

TEST(dct2_inverse_is_the_matrix_form) {
    std::mt19937 random(1);
    for (const Shape& s : shapes()) {
        const int w = 1 << s.log2_w, h = 1 << s.log2_h;
        for (int trial = 0; trial < 12; trial++) {
            const int nonzero_w = trial < 2 ? std::min(w, 32) : 1 + int(random() % unsigned(std::min(w, 32)));
            const int nonzero_h = trial < 2 ? std::min(h, 32) : 1 + int(random() % unsigned(std::min(h, 32)));
            const int range = trial % 2 ? 32768 : 1000;  // the great ones reach the clips
            std::vector<Coeff> in(size_t(w * h));
            for (int y = 0; y < nonzero_h; y++)
                for (int x = 0; x < nonzero_w; x++)
                    in[size_t(y * w + x)] = int(random() % unsigned(2 * range)) - range;
            std::vector<Residual> out(size_t((w + 3) * h));
            inverse_dct2(in.data(), s.log2_w, s.log2_h, nonzero_w, nonzero_h, out.data(), w + 3);
            const std::vector<int> expected = slow_inverse(in, w, h);
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++)
                    CHECK_EQ(int(out[size_t(y * (w + 3) + x)]),
                             std::clamp(expected[size_t(y * w + x)], -32768, 32767));
        }
    }
}

TEST(dct2_round_trip) {
    std::mt19937 random(2);
    for (const Shape& s : shapes()) {
        const int w = 1 << s.log2_w, h = 1 << s.log2_h;
        // With 64 points only what has no frequency beyond 32 survives: a smooth field.
        const double fx = double(random() % 4) / w * std::acos(-1.0),
                     fy = double(random() % 4) / h * std::acos(-1.0);
        std::vector<Residual> in(size_t(w * h)), out(size_t(w * h));
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                in[size_t(y * w + x)] =
                    w == 64 || h == 64 ? Residual(900 * std::cos(fx * (x + 0.5)) * std::cos(fy * (y + 0.5)))
                                       : Residual(int(random() % 2047) - 1023);
        std::vector<Coeff> coeffs(size_t(w * h), 77);
        forward_dct2(in.data(), w, s.log2_w, s.log2_h, coeffs.data());
        double energy_in = 0, energy_out = 0;
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                const Coeff c = coeffs[size_t(y * w + x)];
                if (x >= 32 || y >= 32) CHECK_EQ(c, 0);
                energy_out += double(c) * c;
                energy_in += double(in[size_t(y * w + x)]) * in[size_t(y * w + x)];
            }
        // Gain 2^(15 - bit depth - log2_area / 2), the scaling that distortions in the transform domain use.
        CHECK(std::abs(energy_out / std::ldexp(energy_in, 10 - s.log2_w - s.log2_h) - 1) < 0.01);
        inverse_dct2(coeffs.data(), s.log2_w, s.log2_h, 32, 32, out.data(), w);
        double worst = 0;
        for (size_t i = 0; i < in.size(); i++) worst = std::max(worst, std::abs(double(in[i]) - out[i]));
        CHECK(worst <= 16);  // the matrix is rounded to 8 bits
    }
}

TEST(dct2_of_a_constant) {
    for (const Shape& s : shapes()) {
        std::vector<Residual> in(size_t(1) << (s.log2_w + s.log2_h), Residual(-100)), out(in.size());
        std::vector<Coeff> coeffs(in.size());
        forward_dct2(in.data(), std::ptrdiff_t{1} << s.log2_w, s.log2_w, s.log2_h, coeffs.data());
        for (size_t i = 1; i < coeffs.size(); i++) CHECK_EQ(coeffs[i], 0);
        inverse_dct2(coeffs.data(), s.log2_w, s.log2_h, 1, 1, out.data(), std::ptrdiff_t{1} << s.log2_w);
        for (Residual r : out) CHECK_EQ(int(r), -100);
    }
}

TEST(transform_skip_is_the_identity) {
    std::mt19937 random(3);
    std::vector<Residual> in(12 * 4), out(8 * 4);
    for (Residual& r : in) r = Residual(int(random() % 2047) - 1023);
    std::vector<Coeff> coeffs(32);
    forward_transform_skip(in.data(), 12, 3, 2, coeffs.data());
    inverse_transform_skip(coeffs.data(), 3, 2, out.data(), 8);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 8; x++) CHECK_EQ(int(out[size_t(y * 8 + x)]), int(in[size_t(y * 12 + x)]));
}
