#include "slice_writer.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "../threads.h"
#include "ctu_writer.h"

namespace idse::vvc {

namespace {

class SliceWriter {
  public:
    SliceWriter(const FrameContext& context, const FrameState& state, const PictureDecisions& decisions)
        : context_(context), state_(state), decisions_(decisions) {}

    std::vector<std::uint8_t> whole() const {
        CabacWriter writer;
        writer.contexts.init(context_.slice_qp);
        writer.start();
        int previous_qp = context_.slice_qp;
        for (int row = 0; row < decisions_.rows; row++) write_row(writer, row, previous_qp);
        writer.terminate(1);  // end_of_slice_one_bit
        return writer.finish();
    }

    std::vector<std::uint8_t> row(int row) const {
        CabacWriter writer;
        if (row == 0)
            writer.contexts.init(context_.slice_qp);
        else
            writer.contexts = decisions_.at(0, row - 1).contexts;  // clause 9.3.2.4
        writer.start();
        int previous_qp = context_.slice_qp;
        write_row(writer, row, previous_qp);
        writer.terminate(1);  // end_of_subset_one_bit or end_of_slice_one_bit
        return writer.finish();
    }

  private:
    void write_row(CabacWriter& writer, int row, int& previous_qp) const {
        const int ctu = context_.limits.ctu_size;
        for (int col = 0; col < decisions_.cols; col++) {
            const CtuDecisions& decided = decisions_.at(col, row);
            write_ctu(writer, decided.log, col * ctu, row * ctu, context_, state_, previous_qp);
            // The rates that the search compared are those of the stream, or something is wrong.
            if (!(decided.contexts == writer.contexts) || decided.previous_qp != previous_qp)
                throw std::logic_error(
                    "the search and the writer disagree; please report this picture and its settings");
        }
    }

    const FrameContext& context_;
    const FrameState& state_;
    const PictureDecisions& decisions_;
};

}  // namespace

std::vector<std::vector<std::uint8_t>> write_slice(const FrameContext& context, const FrameState& state,
                                                   const PictureDecisions& decisions, int threads) {
    const SliceWriter writer(context, state, decisions);
    if (!context.settings->wpp) return {writer.whole()};
    std::vector<std::vector<std::uint8_t>> rows(static_cast<size_t>(decisions.rows));
    std::atomic<int> next_row{0};
    run_workers(
        std::min(threads, decisions.rows),
        [&] {
            for (int row; (row = next_row++) < decisions.rows;) rows[size_t(row)] = writer.row(row);
        },
        [&] { next_row = decisions.rows; });
    return rows;
}

}  // namespace idse::vvc
