#include "reference_samples.h"

#include <algorithm>

namespace idse::vvc {

namespace {

// Both lines as one, in the order of the substitution process: from p[-1][2h-1] up to the corner (index 2h),
// then to the right up to p[2w-1][-1].
using WholeLine = std::array<RefSample, 4 * kMaxTbSize + 1>;

void pad_end(std::array<RefSample, ReferenceSamples::kSize>& line, int count) {
    std::fill_n(line.begin() + count + 1, ReferenceSamples::kPad, line[size_t(count)]);
}

void smooth_line(const std::array<RefSample, ReferenceSamples::kSize>& in, int count, int corner,
                 std::array<RefSample, ReferenceSamples::kSize>& out) {
    out[0] = RefSample(corner);
    for (int i = 1; i < count; i++)
        out[size_t(i)] = RefSample((in[size_t(i - 1)] + 2 * in[size_t(i)] + in[size_t(i + 1)] + 2) >> 2);
    out[size_t(count)] = in[size_t(count)];
    pad_end(out, count);
}

}  // namespace

Availability::Availability(const PredictionContext& context, Component component, const Block& block)
    : grid_(context.grid), shift_(is_luma(component) ? 0 : 1) {
    const int ctu = context.ctu_size;
    x_limit_ = context.wpp ? ((block.x << shift_) / ctu + 1) * ctu : context.grid->cols() * kUnit;
    y_limit_ = ((block.y << shift_) / ctu + 1) * ctu;
}

void gather_reference_samples(const PredictionContext& context, Component component, const Block& block,
                              ReferenceSamples& out) {
    const Plane& plane = context.recon->plane(component);
    const Availability available(context, component, block);
    const int cell = cell_size(component);
    const int corner = 2 * block.h;
    const int total = corner + 1 + 2 * block.w;

    WholeLine line;
    int filled = 0;  // line[0, filled) is final, except that nothing was available yet while !found
    bool found = false;
    const auto substitute = [&](int count) {
        if (found) std::fill_n(line.begin() + filled, count, line[size_t(filled - 1)]);
        filled += count;
    };
    // After the first available samples were written at `filled`: everything before takes the very first of
    // them.
    const auto accept = [&](int count) {
        if (!found) std::fill_n(line.begin(), filled, line[size_t(filled)]);
        found = true;
        filled += count;
    };

    for (int y = 2 * block.h - cell; y >= 0; y -= cell) {
        if (!available(block.x - 1, block.y + y)) {
            substitute(cell);
            continue;
        }
        const Sample* s = plane.at(block.x - 1, block.y + y + cell - 1);
        for (int i = 0; i < cell; i++, s -= plane.stride()) line[size_t(filled + i)] = RefSample(*s);
        accept(cell);
    }
    if (available(block.x - 1, block.y - 1)) {
        line[size_t(filled)] = RefSample(*plane.at(block.x - 1, block.y - 1));
        accept(1);
    } else {
        substitute(1);
    }
    for (int x = 0; x < 2 * block.w; x += cell) {
        if (!available(block.x + x, block.y - 1)) {
            substitute(cell);
            continue;
        }
        const Sample* s = plane.at(block.x + x, block.y - 1);
        for (int i = 0; i < cell; i++) line[size_t(filled + i)] = RefSample(s[i]);
        accept(cell);
    }
    if (!found) std::fill_n(line.begin(), total, RefSample(1 << (kBitDepth - 1)));

    std::reverse_copy(line.begin(), line.begin() + corner + 1, out.left.begin());
    std::copy_n(line.begin() + corner, 2 * block.w + 1, out.top.begin());
    pad_end(out.left, 2 * block.h);
    pad_end(out.top, 2 * block.w);
}

void smooth_reference_samples(const ReferenceSamples& in, int w, int h, ReferenceSamples& out) {
    const int corner = (in.left[1] + 2 * in.top[0] + in.top[1] + 2) >> 2;
    smooth_line(in.top, 2 * w, corner, out.top);
    smooth_line(in.left, 2 * h, corner, out.left);
}

}  // namespace idse::vvc
