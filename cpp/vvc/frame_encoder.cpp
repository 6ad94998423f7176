#include "frame_encoder.h"

#include "bitstream/chroma_qp_table.h"
#include "bitstream/scaling_aps.h"
#include "bitstream/sei.h"
#include "bitstream/slice_header.h"
#include "filter/deblock.h"
#include "search/picture_search.h"
#include "search/rd_cost.h"
#include "search/set_weights.h"
#include "search/slice_writer.h"

namespace idse::vvc {

namespace {

constexpr int kScalingApsId = 0;  // a new one replaces that of the pictures before

}  // namespace

CodedFrame code_frame(const FrameInput& input, const Settings& settings, FineQp qp, int threads,
                      const std::function<void(double)>& coded) {
    const int width = input.source.width(), height = input.source.height();
    const bool colour = input.source.chroma_format == ChromaFormat::k420;
    const ShapedWeights* weights = input.weights ? &*input.weights : nullptr;
    CodedFrame out;
    out.qp = qp.qp();
    int cb_qp_offset = 0, cr_qp_offset = 0;
    if (colour) chroma_qp_offsets(weights, settings, cb_qp_offset, cr_qp_offset);
    const ChromaQpTable chroma_qp_table;

    FrameContext context;
    context.settings = &settings;
    context.effort = effort_of_preset(settings.preset);
    context.source = &input.source;
    context.slice_qp = qp.qp();
    context.lambda = lambda_of_qp(qp.qp(), settings.dependent_quant, qp.fine());
    context.chroma_qp_offset[1] = cb_qp_offset;
    context.chroma_qp_offset[2] = cr_qp_offset;
    context.chroma_qp_table = chroma_qp_table.data();
    context.limits.ctu_size = settings.ctu_size;
    context.limits.picture_width = width;
    context.limits.picture_height = height;
    // The single tree has more rules for small multi-type blocks (modeType) than it is worth.
    const bool mtt = context.dual_tree() || !colour;
    context.limits.max_mtt_depth_luma = mtt ? context.effort.mtt_depth_luma : 0;
    context.limits.max_mtt_depth_chroma = mtt ? context.effort.mtt_depth_chroma : 0;
    set_weights(context, weights, input.raw_weights, input.width, input.height);
    if (weights) set_frequencies(context, weights->gains, input.scaling_lists);

    FrameState state;
    state.recon = Picture(width, height, input.source.chroma_format);
    state.luma_grid = BlockGrid(width, height);
    state.chroma_grid = BlockGrid(width, height);

    const PictureDecisions decisions = search_picture(context, state, threads, coded);
    if (settings.deblocking) {
        DeblockParams deblock;
        deblock.ctu_size = settings.ctu_size;
        deblock.cb_qp_offset = cb_qp_offset;
        deblock.cr_qp_offset = cr_qp_offset;
        deblock.chroma_qp_table = context.chroma_qp_table;
        deblock_picture(state.recon, state.luma_grid, state.chroma_grid, deblock);
    }
    out.parameters = sequence_parameters(settings, input.width, input.height, input.source.chroma_format,
                                         input.frames, context.qp_delta_enabled);
    out.parameters.cb_qp_offset = cb_qp_offset;
    out.parameters.cr_qp_offset = cr_qp_offset;
    out.parameters.luma_tree.max_mtt_depth = context.limits.max_mtt_depth_luma;
    out.parameters.chroma_tree.max_mtt_depth = context.limits.max_mtt_depth_chroma;
    out.parameters.scaling_lists = input.may_have_lists;
    if (!input.scaling_lists.is_flat())
        out.scaling_aps = scaling_aps_rbsp(input.scaling_lists, colour, kScalingApsId);
    const auto substreams = write_slice(context, state, decisions, threads);
    append_picture(out.nal_units, out.parameters, qp.qp(), out.scaling_aps.empty() ? -1 : kScalingApsId,
                   substreams, !input.is_first);
    if (settings.md5_sei) append_picture_hash(out.nal_units, state.recon);
    out.recon = std::move(state.recon);
    return out;
}

}  // namespace idse::vvc
