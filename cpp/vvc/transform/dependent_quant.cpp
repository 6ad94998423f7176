#include "dependent_quant.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "scaling.h"

namespace idse::vvc {

namespace {

constexpr Cost kInfinite = std::numeric_limits<Cost>::max() / 4;
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

// kSeers[k][i]: all ones if position i of the same subblock sees position k.
struct Seers {
    alignas(16) Packed mask[kGroupSize][kGroupSize];
};
constexpr Seers make_seers() {
    Seers s{};
    for (size_t k = 0; k < kGroupSize; k++)
        for (size_t i = 0; i < kGroupSize; i++)
            s.mask[k][i] = sees(kInX[k] - kInX[i], kInY[k] - kInY[i]) ? 0xffff : 0;
    return s;
}
constexpr Seers kSeers = make_seers();

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
    Cost cost = kInfinite;
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
    bool even[2];           // better than a zero, which has the same parity?
};

// The way of each state to a subblock's start: which slot of the history holds each subblock's levels.
using Slots = std::array<std::uint8_t, kMaxGroups>;

class Trellis {
  public:
    Trellis(const Coeff* coeffs, const QuantParams& params, Lambda lambda, const ContextSet& contexts)
        : coeffs_(coeffs),
          component_(params.component),
          budget_(context_bin_budget(params.log2_w, params.log2_h)),
          scaling_(params),
          scan_(scan_order(params.log2_w, params.log2_h)),
          costs_(params, lambda, contexts) {
        inverse_scale_ = (std::int64_t{1} << (scaling_.shift() + kInverseBits)) / scaling_.scale();
        for (size_t g = 0; g < size_t(scan_.groups); g++)
            group_at_[scan_.group_y[g]][scan_.group_x[g]] = std::uint8_t(g);
    }

    TrellisResult run(int first_group, Level* levels);

    // Last subblock that may hold a level, or -1.
    int find_first_group() const {
        for (int g = scan_.groups - 1; g >= 0; g--)
            if (worthwhile(g)) return g;
        return -1;
    }

  private:
    static constexpr int kInverseBits = 20;

    // Could a level in this subblock pay? The gain of the cheaper quantiser's ones against a few bits.
    bool worthwhile(int group) const {
        const Cost enough = (group ? 4 : 2) * costs_.bit;
        const std::int32_t step = scaling_.reconstruct(1);
        Cost gain = 0;
        for (size_t i = size_t(group) * kGroupSize; i < size_t(group + 1) * kGroupSize; i++) {
            const std::int32_t a = std::abs(coeffs_[scan_.position[i]]);
            if (2 * a > step) gain -= scaling_.distortion_change(a, step);
            if (a >= 2 * step) return true;
        }
        return gain > enough;
    }

    void make_options(std::int32_t abs_coeff, Options& o) const;
    void enter_group(int group, bool forced_skip);
    void leave_group(int group);
    void step(int group, int k);
    void extend(Path& path, const Path* from, Cost cost, int level, int group, int k);
    bool neighbour_coded(const Slots& slots, size_t group) const {
        const size_t x = scan_.group_x[group], y = scan_.group_y[group];
        return (x + 1 < size_t(scan_.groups_w) && slots[group_at_[y][x + 1]] != kNone) ||
               (y + 1 < size_t(scan_.groups / scan_.groups_w) && slots[group_at_[y + 1][x]] != kNone);
    }
    void load_templates(const Slots& slots, size_t group, Packed* cells) const;

    const Coeff* coeffs_;
    Component component_;
    int budget_;
    Scaling scaling_;
    const ScanOrder& scan_;
    CostTables costs_;
    std::int64_t inverse_scale_;
    std::uint8_t group_at_[8][8];

    Path paths_[2][kStates];
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
    for (int q = 0; q < 2; q++) o.even[q] = o.distortion[q][0] < 0;
}

// The path `from`, or a new one if it is null, continued by a level at position k of the subblock.
inline void Trellis::extend(Path& path, const Path* from, Cost cost, int level, int group, int k) {
    const Packed packed = packed_level(level);
    const Packed* const mask = kSeers.mask[k];
    const int level_bins = level == 0 ? 0 : level == 1 ? 1 : 3;
    path.cost = cost;
    if (from) {
        for (int i = 0; i < kGroupSize; i++) path.cells[i] = Packed(from->cells[i] + (mask[i] & packed));
        const bool inferred = k == 0 && group > 0 && !from->any;
        path.budget = from->budget >= 4 ? from->budget - level_bins - int(!inferred) : from->budget;
        path.origin = from->origin;
        path.any = from->any || level != 0;
    } else {
        for (int i = 0; i < kGroupSize; i++) path.cells[i] = Packed(mask[i] & packed);
        path.budget = budget_ - level_bins;
        path.origin = kNone;
        path.any = true;
    }
    path.cells[k] = packed;
}

void Trellis::step(int group, int k) {
    const size_t i = size_t(group * kGroupSize + k);
    const int x = scan_.x[i], y = scan_.y[i];
    const int sig_offset = sig_diagonal_offset(component_, x + y);
    const int gtx_base = 1 + gtx_diagonal_offset(component_, x + y);
    Options options;
    make_options(std::abs(coeffs_[scan_.position[i]]), options);

    const Path* const before = paths_[current_];
    Path* const after = paths_[current_ ^ 1];
    Cost even_cost[kStates], odd_cost[kStates];
    int even_level[kStates];
    for (int s = 0; s < kStates; s++) {
        const Path& path = before[s];
        even_cost[s] = odd_cost[s] = kInfinite;
        even_level[s] = 0;
        if (path.cost >= kInfinite) continue;
        const int q = s >> 1;
        const int even = options.level[q][0], odd = options.level[q][1];
        const Packed t = path.cells[k];
        const bool must = k == 0 && group > 0 && !path.any;  // zeros only is what the skipped subblock is for
        Cost zero = kInfinite, cost_even = kInfinite;
        if (path.budget >= 4) {
            const auto& sig =
                costs_.sig[size_t(std::max(0, s - 1))][size_t(sig_offset + kTemplateContexts.sig[t >> 8])];
            const auto& gtx = costs_.gtx[size_t(gtx_base + kTemplateContexts.gtx[t >> 8])];
            const int rice = rice_param(t & 255, 4);
            const Cost significant = must ? path.cost : path.cost + sig[1];
            if (!must) zero = path.cost + sig[0];
            odd_cost[s] = significant + options.distortion[q][1] + costs_.level(gtx, odd, rice);
            if (options.even[q] || must)
                cost_even = significant + options.distortion[q][0] + costs_.level(gtx, even, rice);
        } else {
            const int rice = rice_param(t & 255, 0);
            if (!must) zero = path.cost + costs_.bypass_level(0, rice, s);
            odd_cost[s] = path.cost + options.distortion[q][1] + costs_.bypass_level(odd, rice, s);
            if (options.even[q] || must)
                cost_even = path.cost + options.distortion[q][0] + costs_.bypass_level(even, rice, s);
        }
        even_cost[s] = zero;
        if (cost_even < zero) {
            even_cost[s] = cost_even;
            even_level[s] = even;
        }
    }

    // State transitions: each state is reached from two, by an even level from one and an odd one from the
    // other.
    struct Source {
        std::int8_t even, odd;
    };
    static constexpr Source kSources[kStates] = {{0, 1}, {2, 3}, {1, 0}, {3, 2}};
    const Cost start = costs_.coded + costs_.last(x, y);
    for (int s = 0; s < kStates; s++) {
        const Source source = kSources[s];
        Decision& decision = decisions_[i][s];
        Cost cost = even_cost[source.even];
        int level = even_level[source.even];
        std::int8_t from = source.even;
        if (odd_cost[source.odd] < cost) {
            cost = odd_cost[source.odd];
            level = options.level[source.odd >> 1][1];
            from = source.odd;
        }
        if (s == 0 || s == 2) {  // the last significant position: state 0 goes to 0 or 2
            const int parity = s >> 1;
            const int first = options.level[0][parity];
            if (parity || options.even[0]) {
                const Cost first_cost =
                    start + options.distortion[0][parity] + costs_.level(costs_.gtx[0], first, 0);
                if (first_cost < cost) {
                    cost = first_cost;
                    level = first;
                    from = kStart;
                }
            }
        }
        decision = {Level(level), from};
        if (cost >= kInfinite)
            after[s].cost = kInfinite;
        else
            extend(after[s], from == kStart ? nullptr : &before[from], cost, level, group, k);
    }
    current_ ^= 1;
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
        if (path.cost >= kInfinite) continue;
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
        if (skip_cost_[s] <= path.cost && skip_cost_[s] < kInfinite) {
            path.cost = skip_cost_[s];
            path.budget = skip_budget_[s];
            decisions_[group * kGroupSize][s] = {0, kSkip};
            after[s] = before[s];
        } else if (path.cost < kInfinite) {
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

TrellisResult Trellis::run(int first_group, Level* levels) {
    for (Slots& slots : slots_[current_slots_]) slots.fill(kNone);
    for (int group = first_group; group >= 0; group--) {
        const bool skip = group > 0 && group < first_group && !worthwhile(group);
        enter_group(group, skip);
        if (skip) continue;
        for (int k = kGroupSize - 1; k >= 0; k--) step(group, k);
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
    Trellis trellis(coeffs, params, lambda, contexts);
    const int first_group = trellis.find_first_group();
    if (first_group < 0) return {};
    return trellis.run(first_group, levels);
}

int quantize_dependent(const Coeff* coeffs, const QuantParams& params, Lambda lambda,
                       const ContextSet& contexts, Level* levels) {
    return run_dependent_trellis(coeffs, params, lambda, contexts, levels).nonzero;
}

}  // namespace idse::vvc
