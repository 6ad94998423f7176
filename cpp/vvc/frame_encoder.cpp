#include "frame_encoder.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "bitstream/chroma_qp_table.h"
#include "bitstream/scaling_aps.h"
#include "bitstream/sei.h"
#include "bitstream/slice_header.h"
#include "entropy/cabac.h"
#include "filter/deblock.h"
#include "search/ctu_writer.h"
#include "search/rd_cost.h"
#include "search/search_tree.h"
#include "search/set_weights.h"
#include "threads.h"

namespace idse::vvc {

namespace {

constexpr int kScalingApsId = 0;  // a new one replaces that of the pictures before

// Codes CTU rows; one coder of the whole slice, or with WPP a substream per row and rows in parallel.
class SliceCoder {
  public:
    SliceCoder(const FrameContext& context, FrameState& state, const std::function<void(double)>& coded)
        : context_(context), state_(state), coded_(coded) {
        const int ctu = context.limits.ctu_size;
        cols_ = (context.limits.picture_width + ctu - 1) / ctu;
        rows_ = (context.limits.picture_height + ctu - 1) / ctu;
    }

    std::vector<std::vector<std::uint8_t>> code(int threads) {
        return context_.settings->wpp ? code_wavefront(threads)
                                      : std::vector<std::vector<std::uint8_t>>{code_whole()};
    }

  private:
    std::vector<std::uint8_t> code_whole() {
        TreeSearch search(context_, state_);
        CabacWriter writer;
        writer.contexts.init(context_.slice_qp);
        writer.start();
        int search_qp = context_.slice_qp, writer_qp = context_.slice_qp;
        CtuLog log;
        for (int row = 0; row < rows_; row++) {
            for (int col = 0; col < cols_; col++) {
                code_ctu(search, writer, log, col, row, search_qp, writer_qp);
                coded_(double(row * cols_ + col + 1) / (rows_ * cols_));
            }
        }
        writer.terminate(1);  // end_of_slice_one_bit
        return writer.finish();
    }

    void code_ctu(TreeSearch& search, CabacWriter& writer, CtuLog& log, int col, int row, int& search_qp,
                  int& writer_qp) {
        const int ctu = context_.limits.ctu_size;
        search.search_ctu(col * ctu, row * ctu, writer.contexts, search_qp, log);
        write_ctu(writer, log, col * ctu, row * ctu, context_, state_, writer_qp);
        // The rates that the search compared are those of the stream, or something is wrong.
        if (!(search.contexts() == writer.contexts) || search_qp != writer_qp)
            throw std::logic_error(
                "the search and the writer disagree; please report this picture and its settings");
    }

    std::vector<std::vector<std::uint8_t>> code_wavefront(int threads) {
        substreams_.assign(size_t(rows_), {});
        ctus_done_.assign(size_t(rows_), 0);
        sync_.resize(size_t(rows_));
        run_workers(
            std::min(threads, rows_), [this] { code_rows(); },
            [this] {
                const std::lock_guard<std::mutex> lock(mutex_);
                failed_ = true;
                advanced_.notify_all();
            });
        return std::move(substreams_);
    }

    // Rows are taken from the top down: a thread that waits for the row above waits for a thread that codes
    // it.
    void code_rows() {
        TreeSearch search(context_, state_);
        for (int row; (row = next_row_++) < rows_;)
            if (!code_row(search, row)) return;
    }

    // A CTU needs the one above it: the above-right CTU is not available with
    // entropy_coding_sync_enabled_flag.
    bool code_row(TreeSearch& search, int row) {
        CabacWriter writer;
        writer.start();
        int search_qp = context_.slice_qp, writer_qp = context_.slice_qp;
        CtuLog log;
        for (int col = 0; col < cols_; col++) {
            if (row > 0) {
                std::unique_lock<std::mutex> lock(mutex_);
                advanced_.wait(lock, [&] { return failed_ || ctus_done_[size_t(row - 1)] > col; });
                if (failed_) return false;
            }
            if (col == 0) {
                if (row == 0)
                    writer.contexts.init(context_.slice_qp);
                else
                    writer.contexts = sync_[size_t(row - 1)];  // clause 9.3.2.4
            }
            code_ctu(search, writer, log, col, row, search_qp, writer_qp);
            const std::lock_guard<std::mutex> lock(mutex_);
            if (col == 0) sync_[size_t(row)] = writer.contexts;
            ctus_done_[size_t(row)]++;
            advanced_.notify_all();
            coded_(double(++all_ctus_done_) / (rows_ * cols_));
        }
        writer.terminate(1);  // end_of_subset_one_bit or end_of_slice_one_bit
        substreams_[size_t(row)] = writer.finish();
        return true;
    }

    const FrameContext& context_;
    FrameState& state_;
    const std::function<void(double)>& coded_;
    int cols_ = 0;
    int rows_ = 0;
    // Wavefront: guarded by mutex_ (substreams_ entries belong to their row's thread).
    std::mutex mutex_;
    std::condition_variable advanced_;
    std::atomic<int> next_row_{0};
    bool failed_ = false;
    int all_ctus_done_ = 0;
    std::vector<int> ctus_done_;
    std::vector<ContextSet> sync_;
    std::vector<std::vector<std::uint8_t>> substreams_;
};

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

    SliceCoder coder(context, state, coded);
    const auto substreams = coder.code(threads);

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
    append_picture(out.nal_units, out.parameters, qp.qp(), out.scaling_aps.empty() ? -1 : kScalingApsId,
                   substreams, !input.is_first);
    if (settings.md5_sei) append_picture_hash(out.nal_units, state.recon);
    out.recon = std::move(state.recon);
    return out;
}

}  // namespace idse::vvc
