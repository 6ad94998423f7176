// Planar and DC prediction with their PDPC.

namespace idse::vvc {
namespace IDSE_SIMD_LEVEL {
namespace {

// Draws the first rows and columns towards the lines above and to the left.
template <int W>
void blend_with_lines(const RefSample* above, const RefSample* beside, int h, Sample* dst,
                      std::ptrdiff_t stride) {
    const int scale = (floor_log2(W) + floor_log2(h) - 2) >> 2;
    const int reach = 3 << scale;  // weights are 0 from here on
    RefSample top[W];
    RefSample weight_left[W];
    for (int x = 0; x < W; x++) {
        top[x] = above[x + 1];
        weight_left[x] = RefSample(x < reach ? 32 >> ((2 * x) >> scale) : 0);
    }
    for (int y = 0; y < h; y++, dst += stride) {
        const int left = beside[y + 1];
        if (y < reach) {
            const auto weight_top = RefSample(32 >> ((2 * y) >> scale));
            RefSample row[W];
            __builtin_memcpy(row, dst, sizeof row);
            for (int x = 0; x < W; x++) {
                const int to_left = weight_left[x] * RefSample(left - row[x]);
                const int to_top = weight_top * RefSample(top[x] - row[x]);
                row[x] = RefSample(row[x] + ((to_left + to_top + 32) >> 6));
            }
            __builtin_memcpy(dst, row, sizeof row);
        } else {
            for (int x = 0; x < least(reach, W); x++)
                dst[x] = Sample(dst[x] + ((weight_left[x] * (left - dst[x]) + 32) >> 6));
        }
    }
}

template <int W>
void interpolate_planar(const RefSample* above, const RefSample* beside, int h, Sample* dst,
                        std::ptrdiff_t stride) {
    constexpr int log2_w = log2_of(W);
    const int log2_h = floor_log2(h);
    const int right = above[W + 1];    // p[nTbW][-1]
    const int bottom = beside[h + 1];  // p[-1][nTbH]
    // Both interpolations scaled to w * h; the vertical one is stepped from row to row.
    int vertical[W];
    int vertical_step[W];
    for (int x = 0; x < W; x++) {
        vertical[x] = above[x + 1] << (log2_h + log2_w);
        vertical_step[x] = (bottom - above[x + 1]) * W;
    }
    const int round = 1 << (log2_w + log2_h);
    for (int y = 0; y < h; y++, dst += stride) {
        const int left = beside[y + 1];
        const int start = (left << (log2_w + log2_h)) + round;
        const int step = (right - left) * h;
        Sample row[W];
        for (int x = 0; x < W; x++) {
            vertical[x] += vertical_step[x];
            row[x] = Sample((start + (x + 1) * step + vertical[x]) >> (log2_w + log2_h + 1));
        }
        __builtin_memcpy(dst, row, sizeof row);
    }
}

template <int W>
void planar_of(const RefSample* above, const RefSample* beside, int h, Sample* dst, std::ptrdiff_t stride) {
    interpolate_planar<W>(above, beside, h, dst, stride);
    blend_with_lines<W>(above, beside, h, dst, stride);
}

template <int W>
void dc_of(const RefSample* above, const RefSample* beside, int value, int h, Sample* dst,
           std::ptrdiff_t stride) {
    for (int y = 0; y < h; y++)
        for (int x = 0; x < W; x++) dst[y * stride + x] = Sample(value);
    blend_with_lines<W>(above, beside, h, dst, stride);
}

void planar(const RefSample* top, const RefSample* left, int w, int h, Sample* dst, std::ptrdiff_t stride) {
    assert(is_side(w) && is_side(h));
    switch (w) {
        case 4:
            return planar_of<4>(top, left, h, dst, stride);
        case 8:
            return planar_of<8>(top, left, h, dst, stride);
        case 16:
            return planar_of<16>(top, left, h, dst, stride);
        case 32:
            return planar_of<32>(top, left, h, dst, stride);
        default:
            return planar_of<64>(top, left, h, dst, stride);
    }
}

void dc(const RefSample* top, const RefSample* left, int value, int w, int h, Sample* dst,
        std::ptrdiff_t stride) {
    assert(is_side(w) && is_side(h));
    switch (w) {
        case 4:
            return dc_of<4>(top, left, value, h, dst, stride);
        case 8:
            return dc_of<8>(top, left, value, h, dst, stride);
        case 16:
            return dc_of<16>(top, left, value, h, dst, stride);
        case 32:
            return dc_of<32>(top, left, value, h, dst, stride);
        default:
            return dc_of<64>(top, left, value, h, dst, stride);
    }
}

}  // namespace
}  // namespace IDSE_SIMD_LEVEL
}  // namespace idse::vvc
