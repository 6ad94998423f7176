// The loops over samples that take most of an encode's time, once for any processor and once for AVX2.
//
// Both are the same integer source (kernels_body.inl and what it includes) compiled twice, so both give the
// same numbers; the processor is asked once per process.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../rd_types.h"
#include "../types.h"

namespace idse::vvc {

// Wider blocks go to Kernels::sse in pieces: it adds up a row in 32 bits.
inline constexpr int kMaxSseWidth = 128;

// What each may be given. A side is a power of two, 4..64, where nothing else is said; samples are at most
// kMaxSample. Builds with asserts (those with sanitizers are) check it.
struct Kernels {
    // Sum of absolute Hadamard-transformed differences, as satd() of rd_cost.h says. Sides: multiples of 4.
    std::int64_t (*satd)(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride,
                         int w, int h);
    // Sum of squared differences. w: 1..kMaxSseWidth; h: any.
    std::int64_t (*sse)(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, std::ptrdiff_t b_stride,
                        int w, int h);
    // out = a - b; b and out have stride w, a multiple of 4. h: any.
    void (*subtract)(const Sample* a, std::ptrdiff_t a_stride, const Sample* b, int w, int h, Residual* out);
    // out = prediction + residual, clipped to the samples' range. count: a multiple of 16. Any residual.
    void (*reconstruct)(const Sample* prediction, const Residual* residual, int count, Sample* out);
    // Rows of an angular mode as if it were vertical; see angular_rows.inl. The lines are as ReferenceSamples
    // has them: some of the padding behind the last sample that counts is read. interpolation: of angular.h.
    void (*angular_rows)(const std::int16_t* main, const std::int16_t* side, int angle, int interpolation,
                         int width, int height, Sample* dst, std::ptrdiff_t stride);
    // dst (w x h) = transpose of src (h wide, rows without padding).
    void (*transpose)(const Sample* src, int w, int h, Sample* dst, std::ptrdiff_t stride);
    // Planar and DC with their PDPC, from the lines above and to the left (corner first, then as many samples
    // as the side has and one more); value: of DC.
    void (*planar)(const std::int16_t* top, const std::int16_t* left, int w, int h, Sample* dst,
                   std::ptrdiff_t stride);
    void (*dc)(const std::int16_t* top, const std::int16_t* left, int value, int w, int h, Sample* dst,
               std::ptrdiff_t stride);
    // As forward_dct2() and inverse_dct2() of dct.h: sides by their logarithm, 2..6. A residual to transform
    // is the difference of two samples; coefficients to invert are of 16 bits.
    void (*forward_dct2)(const Residual* residual, std::ptrdiff_t stride, int log2_w, int log2_h, Coeff* out);
    void (*inverse_dct2)(const Coeff* in, int log2_w, int log2_h, int nonzero_w, int nonzero_h,
                         Residual* residual, std::ptrdiff_t stride);
    // sum of weight * (a - b)^2 over coefficients of 16 bits. count: a multiple of 16, at most 64^2. Weights:
    // at most 2^16.
    std::int64_t (*weighted_squares)(const Coeff* a, const Coeff* b, const std::uint32_t* weights, int count);
};

extern const Kernels kBaselineKernels;
// Null where the compiler's target has no AVX2.
extern const Kernels* const kAvx2Kernels;

// The best ones for this processor; with IDSE_SIMD=baseline in the environment, those for any.
const Kernels& kernels();
// For tests: from now on the ones for any processor (or again kernels()'s choice). Not while an encode runs.
void force_baseline_kernels(bool force);

}  // namespace idse::vvc
