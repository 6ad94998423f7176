#include <array>
#include <cstdlib>

#include "cost_tables.h"
#include "rdoq.h"
#include "scaling.h"

namespace idse::vvc {

namespace {

// Costs of residual_ts_coding()'s syntax elements.
struct TsCosts {
    using Flag = std::array<Cost, 2>;
    TsCosts(Lambda lambda, const ContextSet& contexts) {
        const auto flag = [&](int context) {
            return Flag{rate_cost(lambda, contexts[context].rate(0)),
                        rate_cost(lambda, contexts[context].rate(1))};
        };
        bit = rate_cost(lambda, kOneBit);
        for (int n = 0; n < 3; n++) {
            group[size_t(n)] = flag(ctx::kTsSbCodedFlag + n);
            sig[size_t(n)] = flag(ctx::kTsSigCoeffFlag + n);
            sign[size_t(n)] = flag(ctx::kTsSignFlag + n);
            gt1[size_t(n)] = flag(ctx::kTsAbsLevelGt1 + n);
        }
        parity = flag(ctx::kTsParLevel);
        for (int j = 1; j <= 4; j++) gtx[size_t(j)] = flag(ctx::kTsAbsLevelGtx + j);
    }
    Cost remainder(int value) const { return bit * remainder_bits(value, kTsRiceParam); }
    // Without sig_coeff_flag and sign. `mapped` >= 1: after the exchange with the neighbours' prediction.
    Cost level(int mapped, int neighbours) const {
        const Flag& one = gt1[size_t(neighbours)];
        if (mapped == 1) return one[0];
        Cost cost = one[1] + parity[size_t(mapped & 1)];
        for (int j = 1; j <= 4 && mapped >= 2 * j; j++) cost += gtx[size_t(j)][size_t(mapped >= 2 * j + 2)];
        return mapped >= 10 ? cost + remainder((mapped - 10) >> 1) : cost;
    }

    Cost bit;
    std::array<Flag, 3> group, sig, sign, gt1;
    Flag parity;
    std::array<Flag, 5> gtx{};
};

// Context-coded bins of a level: first pass and, as an estimate of where they come from the same budget,
// second.
int context_bins(int mapped) {
    return mapped == 0 ? 0 : mapped == 1 ? 2 : 3 + std::min(mapped / 2, 4);
}

}  // namespace

// In coding order (from the first position on), the cheapest level of each position given those before it;
// subblocks that do not pay are zeroed.
int rdoq_transform_skip(const Coeff* coeffs, const QuantParams& params, Lambda lambda,
                        const ContextSet& contexts, Level* levels) {
    const Scaling scaling(params);
    const ScanOrder& scan = scan_order(params.log2_w, params.log2_h);
    const TsCosts costs(lambda, contexts);
    const int stride = 1 << params.log2_w;
    std::uint8_t coded[9][9] = {};  // with a spare row and column before the first
    int budget = context_bin_budget_ts(params.log2_w, params.log2_h);
    const int coded_flag = is_luma(params.component)            ? ctx::kTuYCodedFlag
                           : params.component == Component::kCb ? ctx::kTuCbCodedFlag
                                                                : ctx::kTuCrCodedFlag;
    Cost total =
        rate_cost(lambda, contexts[coded_flag].rate(1)) - rate_cost(lambda, contexts[coded_flag].rate(0));
    int nonzero = 0;

    for (size_t g = 0; g < size_t(scan.groups); g++) {
        const size_t gx = scan.group_x[g] + 1u, gy = scan.group_y[g] + 1u;
        const bool flag_inferred = g + 1 == size_t(scan.groups) && nonzero == 0;
        const auto& flag = costs.group[size_t(coded[gy][gx - 1] + coded[gy - 1][gx])];
        const int budget_before = budget;
        Cost sum = flag_inferred ? 0 : flag[1];
        int count = 0;
        for (size_t i = g * kGroupSize; i < (g + 1) * kGroupSize; i++) {
            const size_t position = scan.position[i];
            const int left = scan.x[i] ? levels[position - 1] : 0;
            const int above = scan.y[i] ? levels[position - size_t(stride)] : 0;
            const int neighbours = int(left != 0) + int(above != 0);
            const int predicted = std::max(std::abs(left), std::abs(above));
            const int sign_sum = int(left > 0) - int(left < 0) + int(above > 0) - int(above < 0);
            const bool inferred = count == 0 && i + 1 == (g + 1) * kGroupSize;
            const bool bypass = budget < 4;
            const std::int32_t coeff = std::abs(coeffs[position]);
            const auto& sig = costs.sig[size_t(neighbours)];
            const Cost sign = costs.sign[sign_sum == 0  ? 0
                                         : sign_sum > 0 ? 1
                                                        : 2][size_t(coeffs[position] < 0)];

            const std::int64_t nearest =
                ((std::int64_t{coeff} << scaling.shift()) + scaling.scale() / 2) / scaling.scale();
            const int greatest = int(std::min<std::int64_t>(nearest, kMaxLevel));
            int best_level = 0, best_bins = bypass ? 0 : int(!inferred);
            Cost best = bypass ? costs.remainder(0) : inferred ? Cost{0} : sig[0];
            for (int level = greatest; level >= 1 && level >= greatest - 1; level--) {
                const int mapped = level == predicted ? 1 : level < predicted ? level + 1 : level;
                const Cost rate = bypass ? costs.remainder(level) + costs.bit
                                         : (inferred ? 0 : sig[1]) + sign + costs.level(mapped, neighbours);
                const Cost cost = rate + scaling.distortion_change(coeff, scaling.reconstruct(level));
                if (cost < best) {
                    best = cost;
                    best_level = level;
                    best_bins = bypass ? 0 : int(!inferred) + context_bins(mapped);
                }
            }
            sum += best;
            budget -= best_bins;
            count += best_level != 0;
            levels[position] = Level(coeffs[position] < 0 ? -best_level : best_level);
        }
        if (count == 0 || (!flag_inferred && sum >= flag[0])) {
            for (size_t i = g * kGroupSize; i < (g + 1) * kGroupSize; i++) levels[scan.position[i]] = 0;
            total += flag_inferred ? 0 : flag[0];
            budget = budget_before;
            continue;
        }
        coded[gy][gx] = 1;
        total += sum;
        nonzero += count;
    }
    if (nonzero && total < 0) return nonzero;
    std::fill(levels, levels + (size_t{1} << (params.log2_w + params.log2_h)), Level{0});
    return 0;
}

}  // namespace idse::vvc
