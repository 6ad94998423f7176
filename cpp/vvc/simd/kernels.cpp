#include "kernels.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace idse::vvc {

namespace {

const Kernels* best() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (kAvx2Kernels && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) return kAvx2Kernels;
#endif
    return &kBaselineKernels;
}

const Kernels* chosen() {
    const char* level = std::getenv("IDSE_SIMD");
    return level && std::strcmp(level, "baseline") == 0 ? &kBaselineKernels : best();
}

std::atomic<const Kernels*>& current() {
    static std::atomic<const Kernels*> table{chosen()};
    return table;
}

}  // namespace

const Kernels& kernels() {
    return *current().load(std::memory_order_relaxed);
}

void force_baseline_kernels(bool force) {
    current() = force ? &kBaselineKernels : chosen();
}

}  // namespace idse::vvc
