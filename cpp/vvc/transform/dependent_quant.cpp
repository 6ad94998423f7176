#include "dependent_quant.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "scaling.h"

namespace idse::vvc {

namespace {

// Costs stay far below 2^56: the costs of a path that does not exist may grow and shrink without harm.
constexpr Cost kInfinite = Cost{1} << 58;
constexpr Cost kUnreached = kInfinite / 2;
constexpr int kStates = 4;
constexpr std::uint8_t kNone = 4;  // slot of a subblock without levels
// Where a decision comes from, besides the states 0..3.
constexpr std::int8_t kStart = 4;  // the last significant position
constexpr std::int8_t kSkip = 5;   // the whole subblock is zero

// What a level adds to the template of the positions that see it: sum of |level| (saturating: beyond 48 the
// Rice parameter doesn't change) in bits 0..7, template_pass1() in bits 8..12, count in bits 13..15.
using Packed = std::uint16_t;
constexpr int kPackedLevels = 52;
constexpr Packed pack(int level) {
    return level == 0 ? Packed(0) : Packed(std::min(level, 51) | (template_pass1(level) << 8) | (1 << 13));
}
constexpr std::array<Packed, kPackedLevels> make_packed() {
    std::array<Packed, kPackedLevels> all{};
    for (int i = 0; i < kPackedLevels; i++) all[size_t(i)] = pack(i);
    return all;
}
constexpr std::array<Packed, kPackedLevels> kPacked = make_packed();
inline Packed packed_level(int level) {
    return kPacked[size_t(level < kPackedLevels ? level : kPackedLevels - 2 + (level & 1))];
}

// Scan positions inside a 4x4 subblock: x = kInX[k], y = kInY[k].
constexpr std::array<std::uint8_t, kGroupSize> kInX = {0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 1, 2, 3, 2, 3, 3};
constexpr std::array<std::uint8_t, kGroupSize> kInY = {0, 1, 0, 2, 1, 0, 3, 2, 1, 0, 3, 2, 1, 3, 2, 3};
constexpr bool sees(int dx, int dy) {  // is a neighbour at this offset in the template?
    return (dy == 0 && (dx == 1 || dx == 2)) || (dx == 0 && (dy == 1 || dy == 2)) || (dx == 1 && dy == 1);
}

// What a level at position k does to the cells of its subblock: it is added where `add` is all ones (the
// positions that see it, and its own), and its own template goes, where `keep` is zero.
struct Spread {
    alignas(16) Packed add[kGroupSize];
    alignas(16) Packed keep[kGroupSize];
};
constexpr std::array<Spread, kGroupSize> make_spreads() {
    std::array<Spread, kGroupSize> all{};
    for (size_t k = 0; k < kGroupSize; k++)
        for (size_t i = 0; i < kGroupSize; i++) {
            all[k].add[i] = i == k || sees(kInX[k] - kInX[i], kInY[k] - kInY[i]) ? 0xffff : 0;
            all[k].keep[i] = i == k ? 0 : 0xffff;
        }
    return all;
}
constexpr std::array<Spread, kGroupSize> kSpreads = make_spreads();

// Positions that see levels of the subblocks to the right, below, and right and below.
struct CrossLink {
    std::uint8_t to = 0;    // position in this subblock
    std::uint8_t from = 0;  // position in the neighbour
};
template <int kCount>
constexpr std::array<CrossLink, size_t(kCount)> make_links(int group_dx, int group_dy) {
    std::array<CrossLink, size_t(kCount)> links{};
    size_t n = 0;
    for (size_t to = 0; to < kGroupSize; to++)
        for (size_t from = 0; from < kGroupSize; from++)
            if (sees(kInX[from] + 4 * group_dx - kInX[to], kInY[from] + 4 * group_dy - kInY[to]))
                links[n++] = {std::uint8_t(to), std::uint8_t(from)};
    return links;
}
constexpr auto kLinksRight = make_links<15>(1, 0);
constexpr auto kLinksBelow = make_links<15>(0, 1);
constexpr auto kLinksCorner = make_links<1>(1, 1);

// Context parts by the upper byte of a template.
struct TemplateContexts {
    std::array<std::uint8_t, 256> sig{};
    std::array<std::uint8_t, 256> gtx{};
};
constexpr TemplateContexts make_template_contexts() {
    TemplateContexts c{};
    for (int t = 0; t < 256; t++) {
        const int sum_pass1 = t & 31, count = t >> 5;
        c.sig[size_t(t)] = std::uint8_t(std::min((sum_pass1 + 1) >> 1, 3));
        c.gtx[size_t(t)] = std::uint8_t(std::clamp(sum_pass1 - count, 0, 4));
    }
    return c;
}
constexpr TemplateContexts kTemplateContexts = make_template_contexts();

// Best way to a state of the quantiser, with what its context choices need. Cells after the current position
// hold the packed levels of this subblock, the others their template so far.
struct Path {
    Cost cost = kInfinite;        // from kUnreached on: there is none
    std::int32_t budget = 0;      // context-coded bins left
    std::uint8_t origin = kNone;  // state at the start of the subblock, or kNone if the path began in it
    bool any = false;             // a level of this subblock is not zero
    alignas(16) Packed cells[kGroupSize] = {};
};

struct Decision {
    Level level;
    std::int8_t from;
};

// Two options of each quantiser (Q0 of states 0, 1; Q1 of states 2, 3), by parity of the level.
struct Options {
    int level[2][2];
    Cost distortion[2][2];  // relative to a zero
    bool small;             // no level is above 3
};

// A state is reached by a zero or an even level from one state, by an odd one from another.
struct Source {
    std::int8_t even, odd;
};
constexpr Source kSources[kStates] = {{0, 1}, {2, 3}, {1, 0}, {3, 2}};

// The way of each state to a subblock's start: which slot of the history holds each subblock's levels.
using Slots = std::array<std::uint8_t, kMaxGroups>;

// Could a level in a subblock pay? The gain of the finer quantiser's ones against a few bits.
class Prospect {
  public:
    Prospect(const Coeff* coeffs, const QuantParams& params, Lambda lambda)
        : coeffs_(coeffs),
          scaling_(params),
          scan_(scan_order(params.log2_w, params.log2_h)),
          bit_(rate_cost(lambda, kOneBit)),
          step_(scaling_.reconstruct(1)) {}

    bool worthwhile(int group) const {  // group > 0
        Cost gain = 0;
        for (size_t i = size_t(group) * kGroupSize; i < size_t(group + 1) * kGroupSize; i++) {
            const std::int32_t a = std::abs(coeffs_[scan_.position[i]]);
            if (2 * a > step_) gain -= scaling_.distortion_change(a, step_);
            if (a >= 2 * step_) return true;
        }
        return gain > 4 * bit_;
    }
    // Last position that may be the last significant one, or -1: there a level of 1 stands for two steps, and
    // it has to pay for its sign at least.
    int first_position() const {
        const std::int32_t one = scaling_.reconstruct(2);
        int i = scan_.count - 1;
        while (i >= 0) {
            const std::int32_t a = std::abs(coeffs_[scan_.position[size_t(i)]]);
            if (a > step_ && -scaling_.distortion_change(a, one) > bit_) break;
            i--;
        }
        return i;
    }

  private:
    const Coeff* coeffs_;
    Scaling scaling_;
    const ScanOrder& scan_;
    Cost bit_;
    std::int32_t step_;
};

class Trellis {
  public:
    Trellis(const Coeff* coeffs, const QuantParams& params, Lambda lambda, const ContextSet& contexts)
        : coeffs_(coeffs),
          component_(params.component),
          scaling_(params),
          scan_(scan_order(params.log2_w, params.log2_h)),
          costs_(params, lambda, contexts) {
        inverse_scale_ = (std::int64_t{1} << (scaling_.shift() + kInverseBits)) / scaling_.scale();
        for (size_t g = 0; g < size_t(scan_.groups); g++)
            group_at_[scan_.group_y[g]][scan_.group_x[g]] = std::uint8_t(g);
        for (auto& paths : paths_) {
            // The last significant position has no sig_coeff_flag, which extend() takes off the budget.
            paths[kStart].budget = context_bin_budget(params.log2_w, params.log2_h) + 1;
            paths[kStart].any = true;
        }
    }

    TrellisResult run(const Prospect& prospect, int first, Level* levels);

  private:
    static constexpr int kInverseBits = 20;

    void make_options(std::int32_t abs_coeff, Options& o) const;
    void enter_group(int group, bool forced_skip);
    void leave_group(int group);
    void step(int group, int k);
    template <bool kPlain>
    void advance(int group, int k, const Options& options);
    bool neighbour_coded(const Slots& slots, size_t group) const {
        const size_t x = scan_.group_x[group], y = scan_.group_y[group];
        return (x + 1 < size_t(scan_.groups_w) && slots[group_at_[y][x + 1]] != kNone) ||
               (y + 1 < size_t(scan_.groups / scan_.groups_w) && slots[group_at_[y + 1][x]] != kNone);
    }
    void load_templates(const Slots& slots, size_t group, Packed* cells) const;

    const Coeff* coeffs_;
    Component component_;
    Scaling scaling_;
    const ScanOrder& scan_;
    CostTables costs_;
    std::int64_t inverse_scale_;
    std::uint8_t group_at_[8][8];

    Path paths_[2][kStates + 1];  // the one more is where paths start
    int current_ = 0;
    Slots slots_[2][kStates];
    int current_slots_ = 0;
    Cost skip_cost_[kStates] = {kInfinite, kInfinite, kInfinite, kInfinite};
    std::int32_t skip_budget_[kStates] = {};
    Packed history_[kMaxGroups][kStates][kGroupSize];
    Decision decisions_[kMaxGroups * kGroupSize][kStates];
};

void Trellis::make_options(std::int32_t abs_coeff, Options& o) const {
    // Four neighbouring indices 2k - (state >> 1), one for each quantiser and parity, around the coefficient.
    const std::int64_t twice = (abs_coeff * inverse_scale_) >> (kInverseBits - 1);
    const int first = int(std::clamp<std::int64_t>((twice - 3) >> 1, 1, 2 * kMaxLevel - 3));
    for (int index = first; index < first + 4; index++) {
        const int quantiser = index & 1, level = (index + 1) >> 1;
        o.level[quantiser][level & 1] = level;
        o.distortion[quantiser][level & 1] =
            scaling_.distortion_change(abs_coeff, scaling_.reconstruct(index));
    }
    o.small = first <= 3;
}

// Continues the path `from` by a level at position k of the subblock.
inline void extend(Path& path, const Path& from, Cost cost, int level, int k, bool sig_inferred) {
    const Packed packed = packed_level(level);
    const Spread& spread = kSpreads[size_t(k)];
    for (int i = 0; i < kGroupSize; i++)
        path.cells[i] = Packed((from.cells[i] & spread.keep[i]) + (spread.add[i] & packed));
    const int bins = int(!sig_inferred) + int(level > 0) + 2 * int(level > 1);
    path.cost = cost;
    path.budget = from.budget >= 4 ? from.budget - bins : from.budget;
    path.origin = from.origin;
    path.any = from.any | (level != 0);
}

// All states' choices at one position. kPlain: no level above 3, and not the end of a subblock with a flag.
template <bool kPlain>
void Trellis::advance(int group, int k, const Options& options) {
    const size_t i = size_t(group * kGroupSize + k);
    const int x = scan_.x[i], y = scan_.y[i];
    const int sig_offset = sig_diagonal_offset(component_, x + y);
    const int gtx_base = 1 + gtx_diagonal_offset(component_, x + y);
    const Path* const before = paths_[current_];
    Path* const after = paths_[current_ ^ 1];
    const auto level_cost = [&](const CostTables::LevelCosts& gtx, int level, int rice) {
        return kPlain ? gtx[size_t(level)] : costs_.level(gtx, level, rice);
    };

    // Each candidate's cost carries its kind in the low bits, so that choosing is taking the least.
    enum Kind { kZero = 0, kEven = 1, kOdd = 2, kFirst = 3 };
    Cost even_key[kStates], odd_key[kStates];
    for (int s = 0; s < kStates; s++) {
        const Path& path = before[s];
        const int q = s >> 1;
        const int even = options.level[q][0], odd = options.level[q][1];
        const unsigned t = path.cells[k];
        // Zeros only is what the skipped subblock is for.
        const bool must = !kPlain && k == 0 && group > 0 && !path.any;
        Cost zero, cost_even, cost_odd;
        if (path.budget >= 4) {
            const auto& sig =
                costs_.sig[size_t(std::max(0, s - 1))][size_t(sig_offset + kTemplateContexts.sig[t >> 8])];
            const auto& gtx = costs_.gtx[size_t(gtx_base + kTemplateContexts.gtx[t >> 8])];
            const int rice = kPlain ? 0 : rice_param(t & 255, 4);
            const Cost significant = must ? 0 : sig[1];
            zero = sig[0];
            cost_even = significant + level_cost(gtx, even, rice);
            cost_odd = significant + level_cost(gtx, odd, rice);
        } else {
            const int rice = rice_param(t & 255, 0);
            zero = costs_.bypass_level(0, rice, s);
            cost_even = costs_.bypass_level(even, rice, s);
            cost_odd = costs_.bypass_level(odd, rice, s);
        }
        if (must) zero = kInfinite;
        even_key[s] = std::min((path.cost + zero) * 4 + kZero,
                               (path.cost + cost_even + options.distortion[q][0]) * 4 + kEven);
        odd_key[s] = (path.cost + cost_odd + options.distortion[q][1]) * 4 + kOdd;
    }
    // The last significant position: state 0 goes to 0 or 2.
    const Cost start = costs_.coded + costs_.last(x, y);
    Cost first_key[2];
    for (int parity = 0; parity < 2; parity++)
        first_key[parity] =
            (start + options.distortion[0][parity] + level_cost(costs_.gtx[0], options.level[0][parity], 0)) *
                4 +
            kFirst;

    for (int s = 0; s < kStates; s++) {
        const Source source = kSources[s];
        Cost key = std::min(even_key[source.even], odd_key[source.odd]);
        if (s == 0 || s == 2) key = std::min(key, first_key[s >> 1]);
        const int levels[4] = {0, options.level[source.even >> 1][0], options.level[source.odd >> 1][1],
                               options.level[0][s >> 1]};
        const std::int8_t froms[4] = {source.even, source.even, source.odd, kStart};
        const int level = levels[key & 3];
        const std::int8_t from = froms[key & 3];
        decisions_[i][s] = {Level(level), from};
        extend(after[s], before[from], key >> 2, level, k,
               !kPlain && k == 0 && group > 0 && !before[from].any);
    }
    current_ ^= 1;
}

void Trellis::step(int group, int k) {
    Options options;
    make_options(std::abs(coeffs_[scan_.position[size_t(group * kGroupSize + k)]]), options);
    if (options.small && (k > 0 || group == 0))
        advance<true>(group, k, options);
    else
        advance<false>(group, k, options);
}

void Trellis::load_templates(const Slots& slots, size_t group, Packed* cells) const {
    const size_t x = scan_.group_x[group], y = scan_.group_y[group];
    const size_t columns = size_t(scan_.groups_w), rows = size_t(scan_.groups) / columns;
    std::memset(cells, 0, sizeof(Packed) * kGroupSize);
    const auto add = [&](size_t gx, size_t gy, const auto& links) {
        if (gx >= columns || gy >= rows) return;
        const std::uint8_t neighbour = group_at_[gy][gx];
        const std::uint8_t slot = slots[neighbour];
        if (slot == kNone) return;
        const Packed* const levels = history_[neighbour][slot];
        for (const CrossLink& link : links) cells[link.to] = Packed(cells[link.to] + levels[link.from]);
    };
    add(x + 1, y, kLinksRight);
    add(x, y + 1, kLinksBelow);
    add(x + 1, y + 1, kLinksCorner);
}

// At the start of a subblock: sb_coded_flag, and the templates that earlier subblocks give.
void Trellis::enter_group(int group, bool forced_skip) {
    for (int s = 0; s < kStates; s++) {
        Path& path = paths_[current_][s];
        skip_cost_[s] = kInfinite;
        if (path.cost >= kUnreached) {
            path = Path{};
            continue;
        }
        const Slots& slots = slots_[current_slots_][s];
        if (group > 0) {
            const auto& flag = costs_.group[size_t(neighbour_coded(slots, size_t(group)))];
            if (forced_skip) {
                path.cost += flag[0];
                decisions_[group * kGroupSize][s] = {0, kSkip};
                continue;
            }
            skip_cost_[s] = path.cost + flag[0];
            skip_budget_[s] = path.budget;
            path.cost += flag[1];
        }
        path.origin = std::uint8_t(s);
        path.any = false;
        load_templates(slots, size_t(group), path.cells);
    }
}

// At its end: the choice against a subblock of zeros, and the levels' way into the history.
void Trellis::leave_group(int group) {
    Slots* const after = slots_[current_slots_ ^ 1];
    const Slots* const before = slots_[current_slots_];
    for (int s = 0; s < kStates; s++) {
        Path& path = paths_[current_][s];
        if (skip_cost_[s] <= path.cost && skip_cost_[s] < kUnreached) {
            path.cost = skip_cost_[s];
            path.budget = skip_budget_[s];
            decisions_[group * kGroupSize][s] = {0, kSkip};
            after[s] = before[s];
        } else if (path.cost < kUnreached) {
            if (path.origin == kNone)
                after[s].fill(kNone);
            else
                after[s] = before[path.origin];
            after[s][size_t(group)] = std::uint8_t(s);
            std::memcpy(history_[group][s], path.cells, sizeof path.cells);
        }
    }
    current_slots_ ^= 1;
}

// first: where the last significant position may be at most.
TrellisResult Trellis::run(const Prospect& prospect, int first, Level* levels) {
    const int first_group = first / kGroupSize;
    for (Slots& slots : slots_[current_slots_]) slots.fill(kNone);
    for (int group = first_group; group >= 0; group--) {
        const bool skip = group > 0 && group < first_group && !prospect.worthwhile(group);
        enter_group(group, skip);
        if (skip) continue;
        for (int k = group == first_group ? first % kGroupSize : kGroupSize - 1; k >= 0; k--) step(group, k);
        leave_group(group);
    }

    TrellisResult result;
    int state = -1;
    for (int s = 0; s < kStates; s++)
        if (paths_[current_][s].cost < result.cost) {
            result.cost = paths_[current_][s].cost;
            state = s;
        }
    if (state < 0) return result;
    for (size_t i = 0; i < size_t(scan_.count);) {
        const Decision d = decisions_[i][state];
        if (d.from == kSkip) {
            i += kGroupSize;
            continue;
        }
        const size_t position = scan_.position[i++];
        if (d.level) {
            levels[position] = Level(coeffs_[position] < 0 ? -d.level : d.level);
            result.nonzero++;
        }
        if (d.from == kStart) break;
        state = d.from;
    }
    return result;
}

}  // namespace

TrellisResult run_dependent_trellis(const Coeff* coeffs, const QuantParams& params, Lambda lambda,
                                    const ContextSet& contexts, Level* levels) {
    std::memset(levels, 0, sizeof(Level) << (params.log2_w + params.log2_h));
    const Prospect prospect(coeffs, params, lambda);
    const int first = prospect.first_position();
    if (first < 0) return {};
    return Trellis(coeffs, params, lambda, contexts).run(prospect, first, levels);
}

int quantize_dependent(const Coeff* coeffs, const QuantParams& params, Lambda lambda,
                       const ContextSet& contexts, Level* levels) {
    return run_dependent_trellis(coeffs, params, lambda, contexts, levels).nonzero;
}

}  // namespace idse::vvc
