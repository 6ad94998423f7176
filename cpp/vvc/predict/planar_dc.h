// Planar and DC prediction (clauses 8.4.5.2.11 and 8.4.5.2.12) with their PDPC (8.4.5.2.15).
#pragma once

#include "../types.h"
#include "reference_samples.h"

namespace idse::vvc {

// The reference is the smoothed one where the clause says so (luma planar of more than 32 samples).
void predict_planar(const ReferenceSamples& reference, int w, int h, Sample* dst, std::ptrdiff_t dst_stride);
void predict_dc(const ReferenceSamples& reference, int w, int h, Sample* dst, std::ptrdiff_t dst_stride);

}  // namespace idse::vvc
