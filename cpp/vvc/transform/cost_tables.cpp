#include "cost_tables.h"

#include <algorithm>

namespace idse::vvc {

namespace {

void fill_last(int log2_side, Component component, bool y, Lambda lambda, const ContextSet& contexts,
               Cost* out) {
    const LastContexts c = last_contexts(log2_side, component, y);
    const int size = std::min(1 << log2_side, kMaxCodedTbSize);
    const int max_prefix = max_last_prefix(log2_side);
    Rate ones = 0;
    int position = 0;
    for (int prefix = 0; prefix <= max_prefix; prefix++) {
        Rate rate = ones + last_suffix_bits(prefix) * kOneBit;
        if (prefix < max_prefix) {
            const ContextModel& model = contexts[c.base + (prefix >> c.shift)];
            rate += model.rate(0);
            ones += model.rate(1);
        }
        const Cost cost = rate_cost(lambda, rate);
        while (position < size && kLastPrefix[size_t(position)] == prefix) out[position++] = cost;
    }
}

}  // namespace

CostTables::CostTables(const QuantParams& params, Lambda lambda, const ContextSet& contexts) {
    const Component c = params.component;
    const auto cost = [&](int context, unsigned bin) {
        return rate_cost(lambda, contexts[context].rate(bin));
    };
    bit = rate_cost(lambda, kOneBit);

    // The flag of Cr has a context by that of Cb, which isn't known here; the first serves.
    const int cbf = is_luma(c)            ? ctx::kTuYCodedFlag
                    : c == Component::kCb ? ctx::kTuCbCodedFlag
                                          : ctx::kTuCrCodedFlag;
    coded = cost(cbf, 1) - cost(cbf, 0);

    for (unsigned bin = 0; bin < 2; bin++) {
        for (int n = 0; n < 2; n++) group[size_t(n)][bin] = cost(sb_coded_ctx(c, n != 0), bin);
        const int sets = params.dependent_quant ? 3 : 1;
        const int contexts_of_set = is_luma(c) ? 12 : 8;
        for (int set = 0; set < sets; set++) {
            const int base = sig_set_base(c, set == 0 ? 0 : set + 1);
            for (int i = 0; i < contexts_of_set; i++) sig[size_t(set)][size_t(i)][bin] = cost(base + i, bin);
        }
    }
    const int offsets = is_luma(c) ? 21 : 11;
    for (int i = 0; i < offsets; i++) {
        const Cost gt1 = cost(gt1_ctx(c, i), 1) + bit;
        const Cost even = gt1 + cost(par_ctx(c, i), 0), odd = gt1 + cost(par_ctx(c, i), 1);
        const Cost gt3[2] = {cost(gt3_ctx(c, i), 0), cost(gt3_ctx(c, i), 1)};
        gtx[size_t(i)] = {
            0, cost(gt1_ctx(c, i), 0) + bit, even + gt3[0], odd + gt3[0], even + gt3[1], odd + gt3[1]};
    }
    fill_last(params.log2_w, c, false, lambda, contexts, last_x.data());
    fill_last(params.log2_h, c, true, lambda, contexts, last_y.data());
}

}  // namespace idse::vvc
