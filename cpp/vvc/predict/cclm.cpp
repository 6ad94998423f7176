#include "cclm.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "../block_math.h"

namespace idse::vvc {

namespace {

// Samples per cell of the block grid in a chroma plane.
constexpr int kCell = cell_size(Component::kCb);

// Number of consecutive available samples, up to `limit`, tested cell by cell.
template <class IsAvailable>
int count_available(int limit, IsAvailable is_available) {
    int n = 0;
    while (n < limit && is_available(n)) n += kCell;
    return n;
}

// One luma sample at chroma's place from two luma rows; without_left: the column to the left doesn't exist.
int downsample6(const Sample* row0, const Sample* row1, int x, bool without_left) {
    const int before = without_left ? 2 * x : 2 * x - 1;
    return (row0[before] + 2 * row0[2 * x] + row0[2 * x + 1] + row1[before] + 2 * row1[2 * x] +
            row1[2 * x + 1] + 4) >>
           3;
}

// The same from one row: above a CTU row boundary only the last luma row is kept (line buffer of decoders).
int downsample3(const Sample* row, int x, bool without_left) {
    const int before = without_left ? 2 * x : 2 * x - 1;
    return (row[before] + 2 * row[2 * x] + row[2 * x + 1] + 2) >> 2;
}

struct Point {
    int luma = 0;
    int chroma = 0;
};

// Takes up to `wanted` points at regular distance from `count` template samples.
int pick_points(const RefSample* luma, const RefSample* chroma, int count, int wanted, Point* out) {
    // wanted is 2 (both sides in use) or 4: the first point sits half a step in.
    const int log2_step_divisor = wanted == 4 ? 2 : 1;
    const int start = count >> (1 + log2_step_divisor);
    const int step = std::max(1, count >> log2_step_divisor);
    const int picked = std::min(count, wanted);
    for (int i = 0; i < picked; i++) out[i] = {luma[start + i * step], chroma[start + i * step]};
    return picked;
}

// Line through (low.luma, low.chroma) and (high.luma, high.chroma) without a division.
CclmModel line_through(Point low, Point high) {
    // Significands of 1/x for x = 16..31, minus 8.
    static constexpr std::array<int, 16> kDivSig = {0, 7, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 1, 1, 0};
    const int diff = high.luma - low.luma;
    if (diff <= 0) return {0, low.chroma, 0};
    const int diff_c = high.chroma - low.chroma;
    int x = log2_of(diff);
    const int norm = ((diff << 4) >> x) & 15;
    x += norm != 0 ? 1 : 0;
    const int y = diff_c == 0 ? 0 : log2_of(std::abs(diff_c)) + 1;
    const int round = (1 << y) >> 1;
    int a = (diff_c * (kDivSig[size_t(norm)] | 8) + round) >> y;
    int shift = 3 + x - y;
    if (shift < 1) {
        shift = 1;
        a = a == 0 ? 0 : (a < 0 ? -15 : 15);
    }
    return {a, low.chroma - ((a * low.luma) >> shift), shift};
}

template <int W>
void apply_rows(const CclmLuma& luma, const CclmModel& model, int h, Sample* dst, std::ptrdiff_t stride) {
    // |a| <= 16, so that a * luma and b stay within 16 bits.
    const auto a = RefSample(model.a);
    const auto b = RefSample(model.b);
    const int shift = model.shift;
    for (int y = 0; y < h; y++) {
        std::array<RefSample, W> row;
        std::copy_n(luma.inner.data() + y * W, W, row.begin());
        for (size_t x = 0; x < W; x++)
            row[x] = std::clamp(RefSample((RefSample(a * row[x]) >> shift) + b), RefSample{0},
                                RefSample{kMaxSample});
        std::copy_n(row.begin(), W, dst + y * stride);
    }
}

}  // namespace

void gather_cclm_luma(const PredictionContext& context, const Block& block, CclmLuma& out) {
    const Plane& plane = context.recon->plane(Component::kY);
    const std::ptrdiff_t stride = plane.stride();
    const Availability available(context, Component::kCb, block);
    const int w = block.w;
    const int h = block.h;

    // Samples beyond the block's own side count only when the whole side is available.
    out.num_top = count_available(2 * w, [&](int i) { return available(block.x + i, block.y - 1); });
    out.num_left = count_available(2 * h, [&](int i) { return available(block.x - 1, block.y + i); });
    if (out.num_top < w) out.num_top = 0;
    if (out.num_left < h) out.num_left = 0;
    const bool no_left = out.num_left == 0;

    const Sample* origin = plane.at(2 * block.x, 2 * block.y);
    if (out.num_top > 0) {
        const bool ctu_boundary = (2 * block.y) % context.ctu_size == 0;
        const Sample* row1 = origin - stride;
        for (int x = 0; x < out.num_top; x++) {
            const bool padded = x == 0 && no_left;
            out.top[size_t(x)] = RefSample(ctu_boundary ? downsample3(row1, x, padded)
                                                        : downsample6(row1 - stride, row1, x, padded));
        }
    }
    for (int y = 0; y < out.num_left; y++) {
        const Sample* row = origin + 2 * y * stride - 2;
        out.left[size_t(y)] = RefSample(downsample6(row, row + stride, 0, false));
    }
    for (int y = 0; y < h; y++) {
        const Sample* row0 = origin + 2 * y * stride;
        const Sample* row1 = row0 + stride;
        RefSample* inner = out.inner.data() + y * w;
        inner[0] = RefSample(downsample6(row0, row1, 0, no_left));
        for (int x = 1; x < w; x++) inner[x] = RefSample(downsample6(row0, row1, x, false));
    }
}

CclmModel derive_cclm_model(const CclmLuma& luma, const ReferenceSamples& reference, int mode,
                            const Block& block) {
    // numSampT, numSampL: one-sided modes may look as far beyond the side as the other side is long.
    int num_top = luma.num_top;
    int num_left = luma.num_left;
    if (mode == kLtCclm) {
        num_top = std::min(num_top, block.w);
        num_left = std::min(num_left, block.h);
    } else if (mode == kLCclm) {
        num_top = 0;
        num_left = std::min(num_left, block.h + block.w);
    } else {
        num_top = std::min(num_top, block.w + block.h);
        num_left = 0;
    }
    if (num_top == 0 && num_left == 0) return {0, 1 << (kBitDepth - 1), 0};

    std::array<Point, 4> points;
    int count = 0;
    if (num_top > 0) {
        count = pick_points(luma.top.data(), reference.top.data() + 1, num_top, num_left > 0 ? 2 : 4,
                            points.data());
    }
    if (num_left > 0) {
        count += pick_points(luma.left.data(), reference.left.data() + 1, num_left, num_top > 0 ? 2 : 4,
                             points.data() + count);
    }
    if (count == 2) {  // cannot happen with sides >= 4, kept for the clause's sake
        const Point first = points[0];
        points = {points[1], first, points[1], first};
    }

    // Partial sort of the clause: {low[0], low[1]} the two smaller lumas, {high[0], high[1]} the two larger.
    std::array<size_t, 2> low = {0, 2};
    std::array<size_t, 2> high = {1, 3};
    const auto luma_of = [&](size_t i) { return points[i].luma; };
    if (luma_of(low[0]) > luma_of(low[1])) std::swap(low[0], low[1]);
    if (luma_of(high[0]) > luma_of(high[1])) std::swap(high[0], high[1]);
    if (luma_of(low[0]) > luma_of(high[1])) std::swap(low, high);
    if (luma_of(low[1]) > luma_of(high[0])) std::swap(low[1], high[0]);
    const auto mean = [&](const std::array<size_t, 2>& pair) {
        const Point& p = points[pair[0]];
        const Point& q = points[pair[1]];
        return Point{(p.luma + q.luma + 1) >> 1, (p.chroma + q.chroma + 1) >> 1};
    };
    return line_through(mean(low), mean(high));
}

void apply_cclm(const CclmLuma& luma, const CclmModel& model, const Block& block, Sample* dst,
                std::ptrdiff_t dst_stride) {
    switch (block.w) {
        case 4:
            return apply_rows<4>(luma, model, block.h, dst, dst_stride);
        case 8:
            return apply_rows<8>(luma, model, block.h, dst, dst_stride);
        case 16:
            return apply_rows<16>(luma, model, block.h, dst, dst_stride);
        default:
            return apply_rows<32>(luma, model, block.h, dst, dst_stride);
    }
}

}  // namespace idse::vvc
