#define IDSE_SIMD_LEVEL baseline
#include "kernels_body.inl"

namespace idse::vvc {

const Kernels kBaselineKernels = baseline::kTable;

}  // namespace idse::vvc
