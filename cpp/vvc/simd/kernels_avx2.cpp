// Compiled with -mavx2 -mbmi2. Nothing in here may have external linkage but the table: the linker could
// take this file's copy of an inline function for everybody, also on processors without AVX2.
#include "kernels.h"

#if defined(__x86_64__) && defined(__AVX2__)

#define IDSE_SIMD_LEVEL avx2
#include "kernels_body.inl"

namespace idse::vvc {

const Kernels* const kAvx2Kernels = &avx2::kTable;

}  // namespace idse::vvc

#else

namespace idse::vvc {

const Kernels* const kAvx2Kernels = nullptr;

}  // namespace idse::vvc

#endif
