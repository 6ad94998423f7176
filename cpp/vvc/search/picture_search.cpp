#include "picture_search.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "../threads.h"
#include "search_tree.h"

namespace idse::vvc {

namespace {

class PictureSearch {
  public:
    PictureSearch(const FrameContext& context, FrameState& state, const std::function<void(double)>& coded,
                  PictureDecisions& out)
        : context_(context), state_(state), coded_(coded), out_(out) {}

    // A CTU follows the one before it in raster order.
    void run_in_order() {
        TreeSearch search(context_, state_);
        ContextSet contexts;
        contexts.init(context_.slice_qp);
        int previous_qp = context_.slice_qp;
        for (int row = 0; row < out_.rows; row++)
            for (int col = 0; col < out_.cols; col++) {
                decide(search, col, row, contexts, previous_qp);
                coded_(double(row * out_.cols + col + 1) / (out_.rows * out_.cols));
            }
    }

    // Rows start with what the first CTU of the row above left (clause 9.3.2.4), so that several threads can
    // work.
    void run_wavefront(int threads) {
        ctus_done_.assign(size_t(out_.rows), 0);
        run_workers(
            std::min(threads, out_.rows), [this] { take_rows(); },
            [this] {
                const std::lock_guard<std::mutex> lock(mutex_);
                failed_ = true;
                advanced_.notify_all();
            });
    }

  private:
    void decide(TreeSearch& search, int col, int row, ContextSet& contexts, int& previous_qp) {
        const int ctu = context_.limits.ctu_size;
        CtuDecisions& decisions = out_.at(col, row);
        search.search_ctu(col * ctu, row * ctu, contexts, previous_qp, search.scratch_log());
        decisions.log = search.scratch_log();  // a copy has no more memory than it needs
        decisions.contexts = contexts = search.contexts();
        decisions.previous_qp = previous_qp;
    }

    // Rows are taken from the top down: a thread that waits for the row above waits for a thread that works.
    void take_rows() {
        TreeSearch search(context_, state_);
        for (int row; (row = next_row_++) < out_.rows;)
            if (!decide_row(search, row)) return;
    }

    // A CTU needs the one above it: the above-right CTU is not available with
    // entropy_coding_sync_enabled_flag.
    bool decide_row(TreeSearch& search, int row) {
        ContextSet contexts;
        int previous_qp = context_.slice_qp;
        for (int col = 0; col < out_.cols; col++) {
            if (row > 0) {
                std::unique_lock<std::mutex> lock(mutex_);
                advanced_.wait(lock, [&] { return failed_ || ctus_done_[size_t(row - 1)] > col; });
                if (failed_) return false;
            }
            if (col == 0) {
                if (row == 0)
                    contexts.init(context_.slice_qp);
                else
                    contexts = out_.at(0, row - 1).contexts;
            }
            decide(search, col, row, contexts, previous_qp);
            const std::lock_guard<std::mutex> lock(mutex_);
            ctus_done_[size_t(row)]++;
            advanced_.notify_all();
            coded_(double(++all_ctus_done_) / (out_.rows * out_.cols));
        }
        return true;
    }

    const FrameContext& context_;
    FrameState& state_;
    const std::function<void(double)>& coded_;
    PictureDecisions& out_;  // each CTU belongs to the thread of its row
    // Wavefront: guarded by mutex_.
    std::mutex mutex_;
    std::condition_variable advanced_;
    std::atomic<int> next_row_{0};
    bool failed_ = false;
    int all_ctus_done_ = 0;
    std::vector<int> ctus_done_;
};

}  // namespace

PictureDecisions search_picture(const FrameContext& context, FrameState& state, int threads,
                                const std::function<void(double)>& coded) {
    const int ctu = context.limits.ctu_size;
    PictureDecisions out;
    out.cols = (context.limits.picture_width + ctu - 1) / ctu;
    out.rows = (context.limits.picture_height + ctu - 1) / ctu;
    out.ctus.resize(size_t(out.cols) * size_t(out.rows));
    PictureSearch search(context, state, coded, out);
    if (context.settings->wpp)
        search.run_wavefront(threads);
    else
        search.run_in_order();
    return out;
}

}  // namespace idse::vvc
