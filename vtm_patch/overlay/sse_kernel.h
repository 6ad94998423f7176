// The kernel under the weighted squared error. Nothing but declarations: what is compiled with AVX2 must not
// emit functions that the linker could take for other files.
#pragma once

#include <cstddef>
#include <cstdint>

namespace idse {
namespace vtm {

// sum (a - b)^2 over w x h samples of at most 15 bits: the kernel that also exists for AVX2.
using SseKernel = std::int64_t (*)(const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                                   std::ptrdiff_t b_stride, int w, int h);
std::int64_t sse_scalar(const std::int16_t* a, std::ptrdiff_t a_stride, const std::int16_t* b,
                        std::ptrdiff_t b_stride, int w, int h);
// Null where this build or this processor has no AVX2.
SseKernel sse_avx2();
}  // namespace vtm
}  // namespace idse
