// Where a frame's importance enters its coding: distortion, level choice, QPs, chroma QP offsets.
#pragma once

#include "../weights/frame_weights.h"
#include "../weights/shaping.h"
#include "frame_context.h"

namespace idse::vvc {

// Chroma QP offsets of a frame: the user's plus those that realise its measured chroma importance. weights:
// null without a map.
void chroma_qp_offsets(const ShapedWeights* weights, const Settings& settings, int& cb, int& cr);

// Sets distortion_weights, quant_weights, tiles, group_qp and qp_delta_enabled of a context that is otherwise
// complete. width, height: of the source, before padding.
void set_weights(FrameContext& context, const ShapedWeights* weights, const FrameWeights* raw, int width,
                 int height);

// Sets what weights over frequency act through; gains: of each plane, empty without. lists: of the picture.
void set_frequencies(FrameContext& context, const std::vector<FrequencyGains>& gains,
                     const ScalingLists& lists);

}  // namespace idse::vvc
