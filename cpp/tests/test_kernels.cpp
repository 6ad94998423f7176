#include <random>

#include "check.h"
#include "vvc/encoder.h"
#include "vvc/simd/kernels.h"

using namespace idse::vvc;

namespace {

constexpr int kSide = 64;
constexpr int kStride = 80;
std::mt19937 rng(20240611);

// Uniform, or at the ends of the range, where overflows show.
template <class T>
std::vector<T> numbers(size_t count, int low, int high) {
    std::vector<T> out(count);
    const bool extreme = rng() % 3 == 0;
    for (T& v : out) v = T(extreme ? (rng() & 1 ? high : low) : low + int(rng() % unsigned(high - low + 1)));
    return out;
}

// The sum of absolute values of the Hadamard transform, by its definition.
std::int64_t plain_satd(const Sample* a, const Sample* b, int w, int h) {
    const int n = w % 8 == 0 && h % 8 == 0 ? 8 : 4;
    std::int64_t total = 0;
    for (int y0 = 0; y0 < h; y0 += n)
        for (int x0 = 0; x0 < w; x0 += n) {
            int sum = 0;
            for (int v = 0; v < n; v++)
                for (int u = 0; u < n; u++) {
                    int coefficient = 0;
                    for (int y = 0; y < n; y++)
                        for (int x = 0; x < n; x++) {
                            const int e = int(a[(y0 + y) * kStride + x0 + x]) - b[(y0 + y) * w + x0 + x];
                            coefficient += __builtin_parity(unsigned((u & x) | ((v & y) << 8))) ? -e : e;
                        }
                    sum += std::abs(coefficient);
                }
            total += n == 8 ? (sum + 2) >> 2 : (sum + 1) >> 1;
        }
    return total;
}

template <class F>
void for_each_size(F f) {
    for (int log2_w = 2; log2_w <= 6; log2_w++)
        for (int log2_h = 2; log2_h <= 6; log2_h++)
            for (int i = 0; i < 4; i++) f(log2_w, log2_h);
}

// The tables to compare: this processor may not have the second one.
std::vector<const Kernels*> tables() {
    std::vector<const Kernels*> all = {&kBaselineKernels};
    if (&kernels() != all[0]) all.push_back(&kernels());
    return all;
}

// f(table) gives what a kernel writes or returns: the same for all tables.
template <class F>
void compare(F f) {
    const auto all = tables();
    for (const Kernels* k : all) CHECK(f(*k) == f(*all[0]));
}

}  // namespace

TEST(satd_is_the_hadamard_transforms) {
    for_each_size([](int log2_w, int log2_h) {
        const int w = 1 << log2_w, h = 1 << log2_h;
        const auto a = numbers<Sample>(kStride * kSide, 0, kMaxSample);
        const auto b = numbers<Sample>(kSide * kSide, 0, kMaxSample);
        for (const Kernels* k : tables())
            CHECK_EQ(k->satd(a.data(), kStride, b.data(), w, w, h), plain_satd(a.data(), b.data(), w, h));
    });
}

TEST(differences_agree_at_every_simd_level) {
    for_each_size([](int log2_w, int log2_h) {
        const int w = 1 << log2_w, h = 1 << log2_h;
        const auto a = numbers<Sample>(kStride * kSide, 0, kMaxSample);
        const auto b = numbers<Sample>(kSide * kSide, 0, kMaxSample);
        const auto r = numbers<Residual>(kSide * kSide, -32768, 32767);
        compare([&](const Kernels& k) { return k.sse(a.data(), kStride, b.data(), w, w, h); });
        compare([&](const Kernels& k) {
            std::vector<Residual> out(kSide * kSide);
            k.subtract(a.data(), kStride, b.data(), w, h, out.data());
            return out;
        });
        std::vector<Sample> expected(kSide * kSide);
        for (int i = 0; i < w * h; i++)
            expected[size_t(i)] = Sample(std::min(std::max(b[size_t(i)] + r[size_t(i)], 0), kMaxSample));
        for (const Kernels* k : tables()) {
            std::vector<Sample> out(kSide * kSide);
            k->reconstruct(b.data(), r.data(), w * h, out.data());
            CHECK(out == expected);
        }
    });
}

TEST(predictions_agree_at_every_simd_level) {
    static constexpr int kAngles[] = {-512, -93, -32, -3, 0, 1, 12, 26, 32, 45, 73, 128, 171};
    for_each_size([](int log2_w, int log2_h) {
        const int w = 1 << log2_w, h = 1 << log2_h;
        const auto main = numbers<std::int16_t>(2048, 0, kMaxSample);
        const auto side = numbers<std::int16_t>(2048, 0, kMaxSample);
        const auto result = [&](auto predict) {
            std::vector<Sample> out(kStride * kSide);
            predict(out.data());
            return out;
        };
        for (int angle : kAngles)
            for (int filter = 0; filter < 3; filter++)
                compare([&](const Kernels& k) {
                    return result([&](Sample* out) {
                        k.angular_rows(main.data() + 1024, side.data(), angle, filter, w, h, out, kStride);
                    });
                });
        compare([&](const Kernels& k) {
            return result([&](Sample* out) { k.planar(main.data(), side.data(), w, h, out, kStride); });
        });
        compare([&](const Kernels& k) {
            return result([&](Sample* out) { k.dc(main.data(), side.data(), main[0], w, h, out, kStride); });
        });
    });
}

TEST(transposition_at_every_simd_level) {
    for_each_size([](int log2_w, int log2_h) {
        const int w = 1 << log2_w, h = 1 << log2_h;
        const auto in = numbers<Sample>(kSide * kSide, 0, kMaxSample);
        for (const Kernels* k : tables()) {
            std::vector<Sample> out(kStride * kSide, 7), expected = out;
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++) expected[size_t(y * kStride + x)] = in[size_t(x * h + y)];
            k->transpose(in.data(), w, h, out.data(), kStride);
            CHECK(out == expected);
        }
    });
}

TEST(transforms_agree_at_every_simd_level) {
    for_each_size([](int log2_w, int log2_h) {
        const int w = 1 << log2_w, h = 1 << log2_h;
        const auto residual = numbers<Residual>(kStride * kSide, -kMaxSample, kMaxSample);
        compare([&](const Kernels& k) {
            std::vector<Coeff> out(kSide * kSide);
            k.forward_dct2(residual.data(), kStride, log2_w, log2_h, out.data());
            return out;
        });
        const int columns = 1 + int(rng() % unsigned(std::min(w, 32)));
        const int rows = 1 + int(rng() % unsigned(std::min(h, 32)));
        std::vector<Coeff> coeffs(kSide * kSide);
        const auto values = numbers<Coeff>(kSide * kSide, -32768, 32767);
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) coeffs[size_t(y * w + x)] = values[size_t(y * w + x)];
        compare([&](const Kernels& k) {
            std::vector<Residual> out(kStride * kSide);
            k.inverse_dct2(coeffs.data(), log2_w, log2_h, columns, rows, out.data(), kStride);
            return out;
        });
    });
}

TEST(weighted_squares_at_every_simd_level) {
    for (const int count : {16, 32, 256, kSide * kSide}) {
        const auto a = numbers<Coeff>(size_t(count), -32768, 32767);
        const auto b = numbers<Coeff>(size_t(count), -32768, 32767);
        const auto weights = numbers<std::uint32_t>(size_t(count), 1, 1 << 16);
        std::int64_t expected = 0;
        for (size_t i = 0; i < a.size(); i++)
            expected += std::int64_t{a[i] - b[i]} * (a[i] - b[i]) * weights[i];
        for (const Kernels* k : tables())
            CHECK_EQ(k->weighted_squares(a.data(), b.data(), weights.data(), count), expected);
    }
}

TEST(bytes_do_not_depend_on_the_simd_level) {
    for (bool dependent_quant : {false, true}) {
        const int w = 136, h = 72;
        auto samples = numbers<std::uint16_t>(size_t(w * h * 3 / 2), 0, 40);
        for (size_t i = 0; i < samples.size(); i++)
            samples[i] = std::uint16_t(samples[i] + (i / 7 % 5) * 20 + i / size_t(w) % 60);
        SourceFrame frame;
        frame.width = w;
        frame.height = h;
        frame.bit_depth = 8;
        frame.chroma_format = ChromaFormat::k420;
        for (int c = 0; c < 3; c++)
            frame.planes[c] = samples.data() + (c == 0 ? 0 : w * h + (c - 1) * w * h / 4);
        Settings settings;
        settings.dependent_quant = dependent_quant;
        settings.preset = 3;
        const std::vector<float> cells(17 * 9, 1.0f);
        auto profile = numbers<float>(64, 1, 100);
        FrameWeights weights;
        weights.planes[0] = cells.data();
        weights.profiles[0] = profile.data();
        for (const auto& map : {std::vector<FrameWeights>{}, std::vector<FrameWeights>{weights}}) {
            const auto best = encode({frame}, map, settings).bytes;
            force_baseline_kernels(true);
            const auto baseline = encode({frame}, map, settings).bytes;
            force_baseline_kernels(false);
            CHECK(best == baseline);
        }
    }
}
