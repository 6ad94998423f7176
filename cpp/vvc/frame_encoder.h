// Codes one frame in stages: analysis of all CTUs, loop filter, entropy coding, slice NAL unit, picture hash.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "bitstream/parameter_sets.h"
#include "encoder.h"
#include "search/frame_context.h"
#include "search/rate_control.h"
#include "weights/shaping.h"

namespace idse::vvc {

// A frame ready to be coded: coded size (multiples of 8), 10 bit, its importance shaped.
struct FrameInput {
    Picture source;
    std::optional<ShapedWeights> weights;
    const FrameWeights* raw_weights = nullptr;  // for the tile factors
    int width = 0;                              // before padding
    int height = 0;
    int frames = 1;               // of the whole stream
    bool is_first = true;         // parameter sets come right before it
    bool may_have_lists = false;  // may a frame of the stream have scaling lists?
    ScalingLists scaling_lists;   // this frame's; flat: none
};

struct CodedFrame {
    Bytes nal_units;    // slice and SEI, with start codes
    Bytes scaling_aps;  // RBSP of the APS with the frame's scaling lists; empty without
    Picture recon;
    int qp = 0;
    SequenceParameters parameters;  // what the parameter sets have to say for this frame
};

// coded: called after each CTU with the share of the frame coded; may throw to stop. May be called
// from several threads, one at a time. threads: for the wavefront; without settings.wpp one thread is used.
CodedFrame code_frame(const FrameInput& input, const Settings& settings, FineQp qp, int threads,
                      const std::function<void(double)>& coded);

}  // namespace idse::vvc
