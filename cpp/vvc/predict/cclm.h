// Cross-component linear model: chroma predicted from reconstructed luma (clause 8.4.5.2.14), 4:2:0 only.
#pragma once

#include <array>

#include "../types.h"
#include "reference_samples.h"

namespace idse::vvc {

// Luma brought to chroma resolution: sps_chroma_horizontal_collocated_flag = 1, vertical = 0 (6 taps).
struct CclmLuma {
    static constexpr int kMaxSide = kMaxTbSize / 2;
    std::array<RefSample, kMaxSide * kMaxSide> inner;  // w x h, rows without padding
    std::array<RefSample, 2 * kMaxSide> top;           // pTopDsY
    std::array<RefSample, 2 * kMaxSide> left;          // pLeftDsY
    int num_top = 0;   // valid entries of top: 0, or w plus the available samples above to the right
    int num_left = 0;  // valid entries of left: 0, or h plus the available samples below to the left
};

// prediction = clip(((a * luma) >> shift) + b)
struct CclmModel {
    int a = 0;
    int b = 0;
    int shift = 0;
};

// block: the chroma block, in chroma samples. Reads luma of the block's area and of the available neighbours.
void gather_cclm_luma(const PredictionContext& context, const Block& block, CclmLuma& out);

// mode: 81 (both sides), 82 (left), 83 (top). reference: chroma's unfiltered reference samples.
CclmModel derive_cclm_model(const CclmLuma& luma, const ReferenceSamples& reference, int mode,
                            const Block& block);

void apply_cclm(const CclmLuma& luma, const CclmModel& model, const Block& block, Sample* dst,
                std::ptrdiff_t dst_stride);

}  // namespace idse::vvc
