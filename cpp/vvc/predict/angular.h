// Angular prediction, modes -14..80 after wide-angle mapping (clause 8.4.5.2.13), with its PDPC (8.4.5.2.15).
#pragma once

#include "../types.h"
#include "reference_samples.h"

namespace idse::vvc {

// How the values between reference samples are found.
enum class Interpolation {
    kLinear,    // chroma: 2 taps
    kCubic,     // luma: 4 taps, sharp
    kGaussian,  // luma: 4 taps, smoothing
};

// Direction of a mode: intraPredAngle of a wide-angle mapped mode, along the top (vertical) or left line.
struct Direction {
    bool vertical;
    int angle;
};
Direction direction_of(int wide_mode);

// What clause 8.4.5.2.6 chooses for a luma block: smoothed reference samples, or which interpolation.
struct LumaFilter {
    bool smooth_reference;
    Interpolation interpolation;
};
LumaFilter luma_filter_of(int wide_mode, int w, int h);

// dst: w x h. The reference is already the smoothed one where the clause says so.
void predict_angular(const ReferenceSamples& reference, int wide_mode, Interpolation interpolation, int w,
                     int h, Sample* dst, std::ptrdiff_t dst_stride);

}  // namespace idse::vvc
