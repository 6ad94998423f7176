#include "quant.h"

#include <cstdlib>
#include <cstring>

#include "../entropy/residual_contexts.h"
#include "scaling.h"

namespace idse::vvc {

namespace {

// Levels depend on the state, which runs along the coding order from the last level on; zeros before it leave
// it at 0.
void dequantize_dependent(const Level* levels, const QuantParams& params, Coeff* coeffs) {
    const Scaling scaling(params);
    const ScanOrder& scan = scan_order(params.log2_w, params.log2_h);
    std::memset(coeffs, 0, sizeof(Coeff) << (params.log2_w + params.log2_h));
    int last = scan.count - 1;
    while (last >= 0 && levels[scan.position[size_t(last)]] == 0) last--;
    int state = 0;
    for (int group = last / kGroupSize; last >= 0 && group >= 0; group--) {
        const std::uint16_t* const position = scan.position.data() + group * kGroupSize;
        // Sixteen zeros bring the state back to where it was.
        int any = 0;
        for (int i = 0; i < kGroupSize; i++) any |= levels[position[i]];
        if (any == 0) continue;
        for (int i = std::min(last - group * kGroupSize, kGroupSize - 1); i >= 0; i--) {
            const int level = levels[position[i]];
            if (level) {
                const int index = 2 * level + (level > 0 ? -(state >> 1) : state >> 1);
                coeffs[position[i]] = params.factors
                                          ? scaling.reconstruct_signed(index, params.factors[position[i]])
                                          : scaling.reconstruct_signed(index);
            }
            state = next_quant_state(state, std::abs(level));
        }
    }
}

}  // namespace

void dequantize(const Level* levels, const QuantParams& params, Coeff* coeffs) {
    if (params.dependent_quant) return dequantize_dependent(levels, params, coeffs);
    const Scaling scaling(params);
    const int count = 1 << (params.log2_w + params.log2_h);
    if (params.factors)
        for (int i = 0; i < count; i++)
            coeffs[i] = levels[i] ? scaling.reconstruct_signed(levels[i], params.factors[i]) : 0;
    else
        for (int i = 0; i < count; i++) coeffs[i] = levels[i] ? scaling.reconstruct_signed(levels[i]) : 0;
}

int quantize_plain(const Coeff* coeffs, const QuantParams& params, Level* levels) {
    QuantParams regular = params;
    regular.dependent_quant = false;
    const Scaling scaling(regular);
    const int count = 1 << (params.log2_w + params.log2_h);
    const std::int64_t offset = scaling.scale() / 3;
    int nonzero = 0;
    for (int i = 0; i < count; i++) {
        const std::int64_t a =
            ((std::int64_t{std::abs(coeffs[i])} << scaling.shift()) + offset) / scaling.scale();
        const auto level = Level(std::min<std::int64_t>(a, kMaxLevel));
        levels[i] = Level(coeffs[i] < 0 ? -level : level);
        nonzero += level != 0;
    }
    return nonzero;
}

}  // namespace idse::vvc
