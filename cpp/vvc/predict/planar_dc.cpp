#include "planar_dc.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "block_math.h"

namespace idse::vvc {

namespace {

// Draws the first rows and columns towards the lines above and to the left.
template <int W>
void blend_with_lines(const ReferenceSamples& reference, int h, Sample* dst, std::ptrdiff_t stride) {
    const int scale = (log2_of(W) + log2_of(h) - 2) >> 2;
    const int reach = 3 << scale;  // weights are 0 from here on
    std::array<RefSample, W> top;
    std::array<RefSample, W> weight_left;
    for (int x = 0; x < W; x++) {
        top[size_t(x)] = reference.top[size_t(x + 1)];
        weight_left[size_t(x)] = RefSample(x < reach ? 32 >> ((2 * x) >> scale) : 0);
    }
    for (int y = 0; y < h; y++, dst += stride) {
        const int left = reference.left[size_t(y + 1)];
        if (y < reach) {
            const auto weight_top = RefSample(32 >> ((2 * y) >> scale));
            std::array<RefSample, W> row;
            std::copy_n(dst, W, row.begin());
            for (size_t x = 0; x < W; x++) {
                const int to_left = weight_left[x] * RefSample(left - row[x]);
                const int to_top = weight_top * RefSample(top[x] - row[x]);
                row[x] = RefSample(row[x] + ((to_left + to_top + 32) >> 6));
            }
            std::copy_n(row.begin(), W, dst);
        } else {
            for (int x = 0; x < std::min(reach, W); x++)
                dst[x] = Sample(dst[x] + ((weight_left[size_t(x)] * (left - dst[x]) + 32) >> 6));
        }
    }
}

template <int W>
void planar(const ReferenceSamples& reference, int h, Sample* dst, std::ptrdiff_t stride) {
    constexpr int log2_w = log2_of(W);
    const int log2_h = log2_of(h);
    const int right = reference.top[W + 1];            // p[nTbW][-1]
    const int bottom = reference.left[size_t(h + 1)];  // p[-1][nTbH]
    // Both interpolations scaled to w * h; the vertical one is stepped from row to row.
    std::array<int, W> vertical;
    std::array<int, W> vertical_step;
    for (size_t x = 0; x < W; x++) {
        vertical[x] = reference.top[x + 1] << (log2_h + log2_w);
        vertical_step[x] = (bottom - reference.top[x + 1]) * W;
    }
    const int round = 1 << (log2_w + log2_h);
    for (int y = 0; y < h; y++, dst += stride) {
        const int left = reference.left[size_t(y + 1)];
        const int start = (left << (log2_w + log2_h)) + round;
        const int step = (right - left) * h;
        std::array<Sample, W> row;
        for (int x = 0; x < W; x++) {
            const auto i = size_t(x);
            vertical[i] += vertical_step[i];
            row[i] = Sample((start + (x + 1) * step + vertical[i]) >> (log2_w + log2_h + 1));
        }
        std::copy_n(row.begin(), W, dst);
    }
}

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

template <class F>
void with_width(int w, F f) {
    switch (w) {
        case 4:
            return f(std::integral_constant<int, 4>{});
        case 8:
            return f(std::integral_constant<int, 8>{});
        case 16:
            return f(std::integral_constant<int, 16>{});
        case 32:
            return f(std::integral_constant<int, 32>{});
        default:
            return f(std::integral_constant<int, 64>{});
    }
}

}  // namespace

void predict_planar(const ReferenceSamples& reference, int w, int h, Sample* dst, std::ptrdiff_t dst_stride) {
    with_width(w, [&](auto width) {
        planar<width>(reference, h, dst, dst_stride);
        blend_with_lines<width>(reference, h, dst, dst_stride);
    });
}

void predict_dc(const ReferenceSamples& reference, int w, int h, Sample* dst, std::ptrdiff_t dst_stride) {
    const auto value = Sample(dc_value(reference, w, h));
    for (int y = 0; y < h; y++) std::fill_n(dst + y * dst_stride, w, value);
    with_width(w, [&](auto width) { blend_with_lines<width>(reference, h, dst, dst_stride); });
}

}  // namespace idse::vvc
