// From the raw importance of a map's file to the weights the search uses.
#pragma once

#include <vector>

#include "../settings.h"
#include "../types.h"
#include "frame_weights.h"
#include "frequency_gains.h"

namespace idse::vvc {

// Shaped importance of one frame. All planes are on the luma grid of FrameWeights.
struct ShapedWeights {
    int log2_unit = 3;
    int cols = 0;
    int rows = 0;
    std::vector<double> planes[3];   // geometric mean 1 each; chroma empty for 4:0:0
    double chroma_gain[2] = {1, 1};  // importance of Cb, Cr relative to luma after shaping; 1 where not given
    double luma_mean = 1;            // arithmetic mean of the raw luma map, for tau of the tile form
    std::vector<FrequencyGains> gains;  // of each plane; empty where all frequencies weigh the same
};

// Throws EncodeError where a value is out of its range.
void check_shaping(const WeightShaping& shaping);

// Validates (finite, >= 0, not all zero) and shapes: w <- (w + tau mean) / ((1 + tau) mean), w <- w^exponent,
// clip to
// +-clip_qp QP steps, geometric mean 1, each plane with
// its own mean. A chroma plane's ratio r to luma (of the geometric means) is shaped alike: ((r + tau) / (1 +
// tau))^exponent. Throws EncodeError.
ShapedWeights shape_weights(const FrameWeights& raw, int width, int height, ChromaFormat format,
                            const WeightShaping& shaping);

// The gains of all planes from the raw profiles: empty where all frequencies weigh the same. Throws
// EncodeError.
std::vector<FrequencyGains> shape_profiles(const FrameWeights& raw, ChromaFormat format,
                                           const WeightShaping& shaping);

// The chroma QP offset that realises a gain: -3 log2(gain), rounded, clipped to +-12.
int qp_offset_of_gain(double gain);

}  // namespace idse::vvc
