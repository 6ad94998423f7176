// Intra prediction of one block: reference samples gathered once, then any number of modes.
#pragma once

#include "../picture.h"
#include "../types.h"
#include "cclm.h"
#include "reference_samples.h"

namespace idse::vvc {

// Large (about 6 KiB) but without heap memory: keep one per thread and component and call begin() for each
// block.
class IntraPredictor {
  public:
    // block: in samples of the component's plane, sides 4..64. Gathers and substitutes reference samples
    // (clauses 8.4.5.2.8-10). The context's picture and grids must outlive the calls that follow.
    void begin(const PredictionContext& context, Component component, const Block& block);

    // Modes 0..66 (wide angles are mapped inside); smoothing, interpolation and PDPC as the clauses say for
    // the component. dst: w*h samples, stride given.
    void predict(int mode, Sample* dst, std::ptrdiff_t dst_stride);

    // CCLM modes 81..83 of a 4:2:0 chroma block (sides 4..32) from the co-located reconstructed luma
    // (clause 8.4.5.2.14), sps_chroma_vertical_collocated_flag = 0, horizontal = 1.
    // Whether the modes are allowed is the caller's business: see cclm_allowed.h.
    void predict_cclm(int mode, Sample* dst, std::ptrdiff_t dst_stride);

  private:
    const ReferenceSamples& smoothed();

    PredictionContext context_;
    Component component_ = Component::kY;
    Block block_;
    ReferenceSamples plain_;
    ReferenceSamples smoothed_;  // valid when has_smoothed_
    CclmLuma cclm_luma_;         // valid when has_cclm_luma_
    bool has_smoothed_ = false;
    bool has_cclm_luma_ = false;
};

}  // namespace idse::vvc
