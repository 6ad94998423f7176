#include "set_weights.h"

#include <algorithm>
#include <cmath>

#include "../weights/fixed_math.h"

namespace idse::vvc {

namespace {

constexpr int kGroupLog2 = 6;  // quantisation group: 64x64 luma samples
constexpr int kGroupSize = 1 << kGroupLog2;

// QP - 3 log2(mean w) of every 64x64 luma block.
void set_group_qps(FrameContext& context, const ShapedWeights& shaped) {
    const PlaneWeights luma(shaped.planes[0], shaped.cols, shaped.rows, shaped.log2_unit, kUnitWeight);
    const int limit = int(context.settings->shaping.clip_qp);
    for (size_t i = 0; i < context.group_qp.size(); i++) {
        const int x = int(i % size_t(context.group_cols)) * kGroupSize;
        const int y = int(i / size_t(context.group_cols)) * kGroupSize;
        const Block block{x, y, std::min(kGroupSize, context.source->width() - x),
                          std::min(kGroupSize, context.source->height() - y)};
        const int delta = qp_delta_of_weight(luma.mean(block), limit);
        const int qp = std::clamp(context.slice_qp + delta, 0, 63);
        context.group_qp[i] = std::int8_t(qp);
        context.qp_delta_enabled |= qp != context.slice_qp;
    }
}

}  // namespace

void chroma_qp_offsets(const ShapedWeights* weights, const Settings& settings, int& cb, int& cr) {
    cb = settings.cb_qp_offset;
    cr = settings.cr_qp_offset;
    if (!weights || !(settings.weight_scope & kWeightQp)) return;
    cb = std::clamp(cb + qp_offset_of_gain(weights->chroma_gain[0]), -12, 12);
    cr = std::clamp(cr + qp_offset_of_gain(weights->chroma_gain[1]), -12, 12);
}

void set_weights(FrameContext& context, const ShapedWeights* weights, const FrameWeights* raw, int width,
                 int height) {
    const unsigned scope = weights ? context.settings->weight_scope : 0u;
    const Picture& source = *context.source;
    context.group_cols = (source.width() + kGroupSize - 1) / kGroupSize;
    const int group_rows = (source.height() + kGroupSize - 1) / kGroupSize;
    context.group_qp.assign(size_t(context.group_cols) * group_rows, std::int8_t(context.slice_qp));
    if (scope & kWeightQp) set_group_qps(context, *weights);

    // A block whose QP differs has the lambda of that QP: the weights of a decision that leaves the map's
    // out.
    std::vector<double> of_groups(context.group_qp.size());
    for (size_t i = 0; i < of_groups.size(); i++)
        of_groups[i] = portable_exp2((context.slice_qp - context.group_qp[i]) / 3.0);

    const int slice_qp_prime = context.slice_qp + kQpBdOffset;
    for (int c = 0; c < (context.format() == ChromaFormat::k420 ? 3 : 1); c++) {
        // Ties chroma distortion to the luma lambda: 2^((QpY - QpC) / 3).
        double scale_log2 =
            c ? (slice_qp_prime - context.quant_qp(Component(c), context.slice_qp)) / 3.0 : 0.0;
        // Without QPs of their own the measured chroma importance acts through the weights.
        if (c && scope && !(scope & kWeightQp)) scale_log2 += portable_log2(weights->chroma_gain[c - 1]);
        const Weight scale = plane_scale(portable_exp2(scale_log2));
        const PlaneWeights coarse(of_groups, context.group_cols, group_rows, c ? kGroupLog2 - 1 : kGroupLog2,
                                  scale);
        const PlaneWeights fine =
            scope & (kWeightRdo | kWeightQuant) ? plane_weights(*weights, c, scale) : coarse;
        context.distortion_weights[c] = scope & kWeightRdo ? fine : coarse;
        context.quant_weights[c] = scope & kWeightQuant ? fine : coarse;
    }
    if ((scope & kWeightRdo) && raw->tile_rank > 0)
        context.tiles = TileWeights(*raw, *weights, context.settings->shaping, width, height);
}

void set_frequencies(FrameContext& context, const std::vector<FrequencyGains>& gains,
                     const ScalingLists& lists) {
    const Settings& settings = *context.settings;
    if (gains.empty()) return;
    context.frequency_in_decisions =
        (settings.frequency_scope & kFrequencyRdo) && (settings.weight_scope & kWeightRdo);
    context.frequency_in_levels =
        (settings.frequency_scope & kFrequencyQuant) && (settings.weight_scope & kWeightQuant);
    if (!context.frequency_in_decisions && !context.frequency_in_levels) return;
    context.frequency = FrequencyTables(gains.data(), int(gains.size()), lists.is_flat() ? nullptr : &lists);
}

}  // namespace idse::vvc
