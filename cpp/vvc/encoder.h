// The one public header of the native encoder: pictures in, an Annex B byte stream and the reconstruction
// out.
//
// The encoder has no global state; encode() may be called from several threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "encode_error.h"
#include "settings.h"
#include "types.h"
#include "weights/frame_weights.h"

namespace idse::vvc {

// A picture to code: planes of 8- or 10-bit samples in 16-bit words, rows without padding.
// Any size from 1x1; odd sizes and sizes that are no multiple of 8 are padded and cropped by the conformance
// window (4:2:0 needs even sizes).
struct SourceFrame {
    int width = 0;
    int height = 0;
    int bit_depth = 8;  // 8 or 10
    ChromaFormat chroma_format = ChromaFormat::k420;
    const std::uint16_t* planes[3] = {nullptr, nullptr, nullptr};  // chroma: width/2 x height/2
};

struct EncodedFrame {
    // Reconstruction, 10 bit, cropped to the source's size (chroma rounded up).
    std::vector<std::uint16_t> planes[3];
    std::int64_t bytes = 0;
    int qp = 0;  // the slice QP used
    int cb_qp_offset = 0;
    int cr_qp_offset = 0;
    double psnr[3] = {0, 0, 0};  // 10 bit against the source shifted to 10 bit, peak 255 << 2
};

struct EncodedStream {
    std::vector<std::uint8_t> bytes;  // Annex B
    std::vector<EncodedFrame> frames;
};

// Called after each CTU with the share done, from one thread at a time: it never falls, and ends at
// exactly 1. Return false to stop (encode() then throws Interrupted).
using ProgressCallback = std::function<bool(double)>;
class Interrupted : public std::runtime_error {
  public:
    Interrupted() : std::runtime_error("interrupted") {}
};

// weights: empty, or one per frame. Throws EncodeError, Interrupted, std::bad_alloc.
EncodedStream encode(const std::vector<SourceFrame>& frames, const std::vector<FrameWeights>& weights,
                     const Settings& settings, const ProgressCallback& progress = {});

// Version of the encoder for provenance: a change of it means that bytes may differ.
const char* encoder_version();

}  // namespace idse::vvc
