// One transform block: residual -> levels -> reconstruction, with its distortion.
#pragma once

#include "../entropy/cabac.h"
#include "../transform/quant.h"
#include "frame_context.h"

namespace idse::vvc {

// Levels and reconstruction of a trial, w*h with stride w.
struct TransformTrial {
    alignas(64) Sample recon[kMaxTbSize * kMaxTbSize];
    alignas(64) Level levels[kMaxTbSize * kMaxTbSize];
    bool cbf = false;
    bool transform_skip = false;
    Distortion distortion = 0;
};

class TransformUnitCoder {
  public:
    TransformUnitCoder(const FrameContext& context, const FrameState& state)
        : context_(context), state_(state) {}

    // block: in samples of the component. prediction: stride w. contexts: before the unit, for the level
    // choice. qp_y: QpY of the coding unit.
    void code(Component component, const Block& block, const Sample* prediction, int qp_y,
              bool transform_skip, const ContextSet& contexts, TransformTrial& out);

    Distortion distortion(Component component, const Block& block, const Sample* recon) const;

  private:
    // Do decisions count this component's errors by frequency?
    bool counts_frequencies(Component component) const;
    // The three steps of code(): levels of coeffs_, reconstruction, and the distortion by frequency.
    void choose_levels(const Block& block, QuantParams& params, const FrequencyTable* table,
                       const ContextSet& contexts, TransformTrial& out);
    void reconstruct(const QuantParams& params, const Sample* prediction, TransformTrial& out);
    Distortion error_by_frequency(const Block& block, const QuantParams& params, const FrequencyTable& table,
                                  const Sample* prediction, const TransformTrial& trial);
    // Distortion of a block by the errors of its coefficients. sse: squared error of
    // the prediction, for blocks with frequencies that are not coded (clause 8.7.4.1).
    Distortion frequency_distortion(Component component, const Block& block, const FrequencyTable& table,
                                    const Coeff* coeffs, const Coeff* recon, std::int64_t sse) const;

    const FrameContext& context_;
    const FrameState& state_;
    alignas(64) Residual residual_[kMaxTbSize * kMaxTbSize];
    alignas(64) Coeff coeffs_[kMaxTbSize * kMaxTbSize];
    alignas(64) Coeff flat_[kMaxTbSize * kMaxTbSize];
    alignas(64) Coeff dequantized_[kMaxTbSize * kMaxTbSize];
};

}  // namespace idse::vvc
