#include "rdoq.h"

#include <cstdlib>
#include <cstring>
#include <limits>

#include "cost_tables.h"
#include "scaling.h"

namespace idse::vvc {

namespace {

constexpr Cost kInfinite = std::numeric_limits<Cost>::max() / 4;

// One pass in coding order that takes the cheapest level of each position given those before it, zeroes
// subblocks that do not pay, and finally moves the last significant position.
class Rdoq {
  public:
    Rdoq(const Coeff* coeffs, const QuantParams& params, Lambda lambda, const ContextSet& contexts)
        : coeffs_(coeffs),
          weights_(params.weights),
          component_(params.component),
          scaling_(params),
          scan_(scan_order(params.log2_w, params.log2_h)),
          costs_(params, lambda, contexts),
          stride_(std::min(1 << params.log2_w, kMaxCodedTbSize) + 2),
          budget_(context_bin_budget(params.log2_w, params.log2_h)) {}

    int run(Level* levels);

  private:
    int rounded(size_t i) const {  // nearest level
        const std::int64_t a = std::abs(coeffs_[scan_.position[i]]);
        const std::int64_t level = ((a << scaling_.shift()) + scaling_.scale() / 2) / scaling_.scale();
        return int(std::min<std::int64_t>(level, kMaxLevel));
    }
    // Absolute levels lie in a block with two spare columns and rows after it.
    size_t cell(size_t i) const { return size_t(scan_.y[i] * stride_ + scan_.x[i]); }
    Template template_at(size_t i) const {
        const std::uint16_t* const c = absolute_ + cell(i);
        Template t;
        for (const int a :
             {int(c[1]), int(c[2]), int(c[stride_]), int(c[stride_ + 1]), int(c[2 * stride_])}) {
            t.sum_pass1 += template_pass1(a);
            t.count += a != 0;
            t.sum += a;
        }
        return t;
    }
    bool choose(size_t i, bool inferred, bool last);
    void code_group(size_t g, size_t last);
    size_t best_last(Cost& best) const;

    const Coeff* coeffs_;
    const std::uint32_t* weights_;
    Component component_;
    Scaling scaling_;
    const ScanOrder& scan_;
    CostTables costs_;
    int stride_;
    int budget_;
    std::uint16_t absolute_[(kMaxCodedTbSize + 2) * (kMaxCodedTbSize + 2)];
    Cost cost_[1024];                // distortion change and rate of each position
    Cost significant_[1024];         // the part of it that sig_coeff_flag = 1 is
    Cost group_cost_[kMaxGroups];    // with sb_coded_flag
    std::uint8_t coded_[9][9] = {};  // subblocks with levels
};

// Takes the best level of position i; true if it isn't zero.
bool Rdoq::choose(size_t i, bool inferred, bool last) {
    const int d = scan_.x[i] + scan_.y[i];
    const Template t = template_at(i);
    const std::int32_t coeff = std::abs(coeffs_[scan_.position[i]]);
    const int greatest = rounded(i);
    const bool bypass = budget_ < 4;
    const int rice = rice_param(t.sum, bypass ? 0 : 4);
    const auto& sig =
        costs_.sig[0][size_t(sig_diagonal_offset(component_, d) + std::min((t.sum_pass1 + 1) >> 1, 3))];
    const auto& gtx = costs_.gtx[last ? 0 : size_t(gtx_offset(component_, d, t.sum_pass1, t.count))];
    const Cost significant = bypass || inferred || last ? 0 : sig[1];

    int best_level = 0;
    Cost best = bypass ? costs_.bypass_level(0, rice, 0) : inferred || last ? Cost{0} : sig[0];
    for (int level = greatest; level >= 1 && level >= greatest - 1; level--) {
        const Cost rate =
            bypass ? costs_.bypass_level(level, rice, 0) : significant + costs_.level(gtx, level, rice);
        const Cost cost = rate + weighted(scaling_.distortion_change(coeff, scaling_.reconstruct(level)),
                                          weights_, scan_.position[i]);
        if (cost < best) {
            best = cost;
            best_level = level;
        }
    }
    cost_[i] = best;
    significant_[i] = best_level ? significant : 0;
    absolute_[cell(i)] = std::uint16_t(best_level);
    if (!bypass) budget_ -= int(!(inferred || last)) + (best_level == 0 ? 0 : best_level == 1 ? 1 : 3);
    return best_level != 0;
}

void Rdoq::code_group(size_t g, size_t last) {
    const size_t x = scan_.group_x[g], y = scan_.group_y[g];
    const bool first = g == last / kGroupSize;  // of the groups in coding order
    const bool flagged = !first && g > 0;
    const auto& flag = costs_.group[size_t(coded_[y][x + 1] | coded_[y + 1][x])];
    const int budget = budget_;
    Cost sum = flagged ? flag[1] : 0;
    bool any = false;
    for (size_t i = first ? last + 1 : (g + 1) * kGroupSize; i-- > g * kGroupSize;) {
        const bool inferred = flagged && !any && i == g * kGroupSize;
        any |= choose(i, inferred, i == last);
        sum += cost_[i];
    }
    group_cost_[g] = sum;
    coded_[y][x] = any;
    if (flagged && (!any || sum >= flag[0])) {
        for (size_t i = g * kGroupSize; i < (g + 1) * kGroupSize; i++) {
            absolute_[cell(i)] = 0;
            cost_[i] = 0;
        }
        coded_[y][x] = 0;
        group_cost_[g] = flag[0];
        budget_ = budget;
    }
}

// The position whose being last costs least; all levels after it become zero.
size_t Rdoq::best_last(Cost& best) const {
    size_t best_position = 0;
    Cost below = costs_.coded;  // all subblocks before this one
    for (size_t g = 0; g < size_t(scan_.groups); g++) {
        if (group_cost_[g] == kInfinite) break;
        Cost inside = 0;
        for (size_t i = g * kGroupSize; i < (g + 1) * kGroupSize; i++) {
            if (absolute_[cell(i)]) {
                const Cost cost =
                    below + inside + cost_[i] - significant_[i] + costs_.last(scan_.x[i], scan_.y[i]);
                if (cost < best) {
                    best = cost;
                    best_position = i;
                }
            }
            inside += cost_[i];
        }
        below += group_cost_[g];
    }
    return best_position;
}

int Rdoq::run(Level* levels) {
    int last = scan_.count - 1;
    while (last >= 0 && rounded(size_t(last)) == 0) last--;
    if (last < 0) return 0;
    std::memset(absolute_, 0, sizeof absolute_);
    std::fill(std::begin(group_cost_), std::end(group_cost_), kInfinite);
    std::fill(std::begin(cost_), std::end(cost_), 0);
    for (int g = last / kGroupSize; g >= 0; g--) code_group(size_t(g), size_t(last));
    Cost best = 0;
    const size_t end = best_last(best);
    if (best >= 0) return 0;
    int nonzero = 0;
    for (size_t i = 0; i <= end; i++) {
        const int a = absolute_[cell(i)];
        if (a == 0) continue;
        const size_t position = scan_.position[i];
        levels[position] = Level(coeffs_[position] < 0 ? -a : a);
        nonzero++;
    }
    return nonzero;
}

}  // namespace

int rdoq_regular(const Coeff* coeffs, const QuantParams& params, Lambda lambda, const ContextSet& contexts,
                 Level* levels) {
    return Rdoq(coeffs, params, lambda, contexts).run(levels);
}

int quantize_rdoq(const Coeff* coeffs, const QuantParams& params, Lambda lambda, const ContextSet& contexts,
                  Level* levels) {
    std::memset(levels, 0, sizeof(Level) << (params.log2_w + params.log2_h));
    return params.transform_skip ? rdoq_transform_skip(coeffs, params, lambda, contexts, levels)
                                 : rdoq_regular(coeffs, params, lambda, contexts, levels);
}

}  // namespace idse::vvc
