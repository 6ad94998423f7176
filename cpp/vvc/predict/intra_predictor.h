// Intra prediction of one block: reference samples gathered once, then any number of modes.
#pragma once

#include "../picture.h"
#include "../types.h"

namespace idse::vvc {

// Where a block sits and what may be used around it.
struct PredictionContext {
    const Picture* recon = nullptr;        // reconstruction so far, before the loop filter
    const BlockGrid* grid = nullptr;       // which luma cells of this block's tree are coded
    const BlockGrid* luma_grid = nullptr;  // for CCLM: the luma tree's cells (same as grid in a single tree)
    int ctu_size = 128;                    // luma samples
    bool wpp = false;                      // above-right CTU not available
};

class IntraPredictor {
  public:
    // block: in samples of the component's plane. Gathers and substitutes reference samples (clauses 8.4.5.2.8-10).
    void begin(const PredictionContext& context, Component component, const Block& block);

    // Modes 0..66 (wide angles are mapped inside); smoothing, interpolation and PDPC as the clauses say for the
    // component. dst: w*h samples, stride given.
    void predict(int mode, Sample* dst, std::ptrdiff_t dst_stride);

    // CCLM modes 81..83 of a 4:2:0 chroma block from the co-located reconstructed luma (clause 8.4.5.2.14),
    // sps_chroma_vertical_collocated_flag = 0, horizontal = 1.
    void predict_cclm(int mode, Sample* dst, std::ptrdiff_t dst_stride);

  private:
    PredictionContext context_;
    Component component_ = Component::kY;
    Block block_;
    // Implementation detail: unfiltered and (lazily) filtered reference samples; extend as needed.
};

}  // namespace idse::vvc
