#include "dependent_quant.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "scaling.h"
#include "trellis_templates.h"

namespace idse::vvc {

namespace {

// Costs stay far below 2^56: the costs of a path that does not exist may grow and shrink without harm.
constexpr Cost kInfinite = Cost{1} << 58;
constexpr Cost kUnreached = kInfinite / 2;
constexpr int kStates = 4;
constexpr std::uint8_t kNone = 4;  // slot of a subblock without levels
constexpr int kStart = 4;          // where paths start, besides the states 0..3

using namespace trellis;

// Best way to a state of the quantiser, with what its context choices need. Cells after the current position
// hold the packed levels of this subblock, the others their template so far.
struct Path {
    Cost cost = kInfinite;  // from kUnreached on: there is none
    // In one word, as all of it moves on together: context-coded bins left (from bit 32 on; of no path:
    // plenty), whether a level of this subblock is not zero (bit 8), and the state at the start of the
    // subblock, or kNone if the path began in it (bits 0..7).
    std::int64_t rest = kBin * (1 << 20) | kNone;
    alignas(16) Packed cells[kGroupSize] = {};

    static constexpr std::int64_t kBin = std::int64_t{1} << 32;
    static constexpr std::int64_t kAny = 1 << 8;
    std::int32_t budget() const { return std::int32_t(rest >> 32); }
    bool any() const { return rest & kAny; }
    std::uint8_t origin() const { return std::uint8_t(rest); }
    // Enters a subblock with a state.
    void enter(int state) { rest = (rest & -kBin) | state; }
};

// Two options of each quantiser (Q0 of states 0, 1; Q1 of states 2, 3), by parity of the level.
struct Options {
    int level[2][2];
    Cost distortion[2][2];  // relative to a zero
    bool small;             // no level is above 3
};

// How a state was reached. The first three index a state's choices.
enum Kind : std::uint8_t {
    kZero,   // from a state by a zero
    kEven,   // from the same by an even level
    kOdd,    // from another by an odd one
    kFirst,  // by the last significant position's level
    kSkip,   // the whole subblock is zero
};

// Where the kinds come from. Both states have the same quantiser: the one of the parity of the state reached.
struct Source {
    std::int8_t from[4];
};
constexpr Source kSources[kStates] = {
    {{0, 0, 1, kStart}}, {{2, 2, 3, 0}}, {{1, 1, 0, kStart}}, {{3, 3, 2, 0}}};
constexpr std::uint32_t from_bytes(const Source& source) {
    std::uint32_t bytes = 0;
    for (unsigned kind = 0; kind < 4; kind++) bytes |= std::uint32_t(source.from[kind]) << (8 * kind);
    return bytes;
}
constexpr std::uint32_t kFromBytes[kStates] = {from_bytes(kSources[0]), from_bytes(kSources[1]),
                                               from_bytes(kSources[2]), from_bytes(kSources[3])};
// Level of a state reached by a kind below kSkip.
inline int level_of(const Options& o, int state, int kind) {
    return kind == kZero ? 0 : kind == kFirst ? o.level[0][state >> 1] : o.level[state & 1][kind - kEven];
}

// The way of each state to a subblock's start: which slot of the history holds each subblock's levels.
using Slots = std::array<std::uint8_t, kMaxGroups>;

// Could a level in a subblock pay? The gain of the finer quantiser's ones against a few bits.
class Prospect {
  public:
    Prospect(const Coeff* coeffs, const QuantParams& params, Lambda lambda)
        : coeffs_(coeffs),
          weights_(params.weights),
          scaling_(params),
          scan_(scan_order(params.log2_w, params.log2_h)),
          bit_(rate_cost(lambda, kOneBit)),
          step_(scaling_.reconstruct(1)) {}

    bool worthwhile(int group) const {  // group > 0
        Cost gain = 0;
        for (size_t i = size_t(group) * kGroupSize; i < size_t(group + 1) * kGroupSize; i++) {
            const size_t position = scan_.position[i];
            const std::int32_t a = std::abs(coeffs_[position]);
            if (2 * a > step_) gain -= weighted(scaling_.distortion_change(a, step_), weights_, position);
            if (a >= 2 * step_ && !weights_) return true;
        }
        return gain > 4 * bit_;
    }
    // Last position that may be the last significant one, or -1: there a level of 1 stands for two steps, and
    // it has to pay for its sign at least.
    int first_position() const {
        const std::int32_t one = scaling_.reconstruct(2);
        int i = scan_.count - 1;
        while (i >= 0) {
            const size_t position = scan_.position[size_t(i)];
            const std::int32_t a = std::abs(coeffs_[position]);
            if (a > step_ && -weighted(scaling_.distortion_change(a, one), weights_, position) > bit_) break;
            i--;
        }
        return i;
    }

  private:
    const Coeff* coeffs_;
    const std::uint32_t* weights_;
    Scaling scaling_;
    const ScanOrder& scan_;
    Cost bit_;
    std::int32_t step_;
};

class Trellis {
  public:
    Trellis(const Coeff* coeffs, const QuantParams& params, Lambda lambda, const ContextSet& contexts)
        : coeffs_(coeffs),
          weights_(params.weights),
          component_(params.component),
          scaling_(params),
          scan_(scan_order(params.log2_w, params.log2_h)),
          costs_(params, lambda, contexts) {
        inverse_scale_ = (std::int64_t{1} << (scaling_.shift() + kInverseBits)) / scaling_.scale();
        // Up to here make_options() has 1 for the first index.
        small_limit_ = ((std::int64_t{7} << (kInverseBits - 1)) - 1) / inverse_scale_;
        for (int index = 0; index < kTabulated; index++) {
            const std::int32_t recon = scaling_.reconstruct(index);
            const Cost square = scaling_.distortion_change(0, recon);
            distortion_[index] = {square, square - scaling_.distortion_change(1, recon)};
        }
        for (size_t g = 0; g < size_t(scan_.groups); g++)
            group_at_[scan_.group_y[g]][scan_.group_x[g]] = std::uint8_t(g);
        for (auto& paths : paths_) {
            // The last significant position has no sig_coeff_flag, which extend() takes off the budget.
            paths[kStart].rest =
                Path::kBin * (context_bin_budget(params.log2_w, params.log2_h) + 1) | Path::kAny | kNone;
        }
    }

    TrellisResult run(const Prospect& prospect, int first, Level* levels);

  private:
    static constexpr int kInverseBits = 20;
    static constexpr int kBinsOfPosition = 4;
    static constexpr int kTabulated = 8;

    void make_options(std::int32_t abs_coeff, Options& o) const;
    void enter_group(int group, bool forced_skip);
    void leave_group(int group);
    void step(int group, int k);
    template <bool kPlain, bool kRich>
    void advance(int group, int k, const Options& options);
    // Have all paths context-coded bins left for this position?
    bool rich() {
        if (sure_of_bins_ < kBinsOfPosition) {
            sure_of_bins_ = paths_[0][kStart].budget();
            for (int s = 0; s < kStates; s++)
                sure_of_bins_ = std::min(sure_of_bins_, paths_[current_][s].budget());
            if (sure_of_bins_ < kBinsOfPosition) return false;
        }
        sure_of_bins_ -= kBinsOfPosition;
        return true;
    }
    bool neighbour_coded(const Slots& slots, size_t group) const {
        const size_t x = scan_.group_x[group], y = scan_.group_y[group];
        return (x + 1 < size_t(scan_.groups_w) && slots[group_at_[y][x + 1]] != kNone) ||
               (y + 1 < size_t(scan_.groups / scan_.groups_w) && slots[group_at_[y + 1][x]] != kNone);
    }
    void load_templates(const Slots& slots, size_t group, Packed* cells) const;

    const Coeff* coeffs_;
    const std::uint32_t* weights_;
    Component component_;
    Scaling scaling_;
    const ScanOrder& scan_;
    CostTables costs_;
    std::int64_t inverse_scale_;
    std::int64_t small_limit_;
    // distortion_change() of the first indices, which is linear in the coefficient.
    struct {
        Cost square, slope;
    } distortion_[kTabulated];
    std::uint8_t group_at_[8][8];

    Path paths_[2][kStates + 1];  // the one more is where paths start
    int current_ = 0;
    Slots slots_[2][kStates];
    int current_slots_ = 0;
    Cost skip_cost_[kStates] = {kInfinite, kInfinite, kInfinite, kInfinite};
    std::int64_t skip_rest_[kStates] = {};
    std::int32_t sure_of_bins_ = 0;  // no path has less
    Packed history_[kMaxGroups][kStates][kGroupSize];
    Kind decisions_[kMaxGroups * kGroupSize][kStates];
};

inline __attribute__((always_inline)) void Trellis::make_options(std::int32_t abs_coeff, Options& o) const {
    // Four neighbouring indices 2k - (state >> 1), one for each quantiser and parity, around the coefficient.
    if (abs_coeff <= small_limit_) {
        // The first four: most coefficients.
        constexpr int kIndex[2][2] = {{4, 2}, {3, 1}};
        for (int quantiser = 0; quantiser < 2; quantiser++)
            for (int parity = 0; parity < 2; parity++) {
                const auto& d = distortion_[kIndex[quantiser][parity]];
                o.level[quantiser][parity] = 2 - parity;
                o.distortion[quantiser][parity] = d.square - d.slope * abs_coeff;
            }
        o.small = true;
        return;
    }
    const std::int64_t twice = (abs_coeff * inverse_scale_) >> (kInverseBits - 1);
    const int first = int(std::clamp<std::int64_t>((twice - 3) >> 1, 1, 2 * kMaxLevel - 3));
    const bool table = first <= kTabulated - 4;
    // Index modulo 4 by quantiser and parity of the level.
    constexpr int kResidue[2][2] = {{0, 2}, {3, 1}};
    for (int quantiser = 0; quantiser < 2; quantiser++)
        for (int parity = 0; parity < 2; parity++) {
            const int index = first + ((kResidue[quantiser][parity] - first) & 3);
            o.level[quantiser][parity] = (index + 1) >> 1;
            o.distortion[quantiser][parity] =
                table ? distortion_[index].square - distortion_[index].slope * abs_coeff
                      : scaling_.distortion_change(abs_coeff, scaling_.reconstruct(index));
        }
    o.small = first <= 3;
}

// Continues the path `from` at position k of the subblock by a level with these cells and bins.
template <bool kRich>
inline void extend(Path& path, const Path& from, Cost cost, const Spread& spread, const Packed* added,
                   std::int64_t bins, bool is_zero) {
    for (int half = 0; half < kGroupSize; half += kGroupSize / 2) {
        PackedLanes cells, keep, more;
        std::memcpy(&cells, from.cells + half, sizeof cells);
        std::memcpy(&keep, spread.keep + half, sizeof keep);
        std::memcpy(&more, added + half, sizeof more);
        cells = (cells & keep) + more;
        std::memcpy(path.cells + half, &cells, sizeof cells);
    }
    path.cost = cost;
    const std::int64_t used = kRich || from.budget() >= 4 ? bins * Path::kBin : 0;
    path.rest = (from.rest - used) | (is_zero ? 0 : Path::kAny);
}

// All states' choices at one position. kPlain: no level above 3, and not the end of a subblock with a flag.
// kRich: all paths have bins left.
template <bool kPlain, bool kRich>
void Trellis::advance(int group, int k, const Options& options) {
    const size_t i = size_t(group * kGroupSize + k);
    const int x = scan_.x[i], y = scan_.y[i];
    const int sig_offset = sig_diagonal_offset(component_, x + y);
    const auto* const gtx_costs = &costs_.gtx[size_t(1 + gtx_diagonal_offset(component_, x + y))];
    const Path* const before = paths_[current_];
    Path* const after = paths_[current_ ^ 1];
    const auto level_cost = [&](const CostTables::LevelCosts& gtx, int level, int rice) {
        return kPlain ? gtx[size_t(level)] : costs_.level(gtx, level, rice);
    };

    // Each candidate's cost carries its kind in the low bits, so that choosing is taking the least.
    Cost even_key[kStates], odd_key[kStates];
    for (int s = 0; s < kStates; s++) {
        const Path& path = before[s];
        const int q = s >> 1;
        const int even = options.level[q][0], odd = options.level[q][1];
        const unsigned t = path.cells[k];
        // Zeros only is what the skipped subblock is for.
        const bool must = !kPlain && k == 0 && group > 0 && !path.any();
        Cost zero, cost_even, cost_odd;
        if (kRich || path.budget() >= 4) {
            const auto& sig =
                costs_.sig[size_t(std::max(0, s - 1))][size_t(sig_offset + kTemplateContexts.sig[t >> 8])];
            const auto& gtx = gtx_costs[kTemplateContexts.gtx[t >> 8]];
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

    // What the levels of each kind do to a path: which row of additions to the cells, and how many bins, a
    // byte per kind. Positions wait for each other, and shifts are faster than memory.
    const Spread& spread = kSpreads[size_t(k)];
    alignas(16) Packed large[kPlain ? 1 : 5][kGroupSize];
    const Packed(*const rows)[kGroupSize] = kPlain ? spread.added : large;
    std::uint32_t row_of[2] = {}, bins_of[2] = {1, 1};
    if constexpr (!kPlain) std::memset(large[0], 0, sizeof large[0]);
    for (unsigned q = 0; q < 2; q++)
        for (unsigned parity = 0; parity < 2; parity++) {
            const int level = options.level[q][parity];
            const unsigned row = kPlain ? unsigned(level) : 1 + 2 * q + parity;
            row_of[q] |= row << (8 * (kEven + parity));
            bins_of[q] |= (level == 1 ? 2u : 4u) << (8 * (kEven + parity));
            if constexpr (!kPlain) {
                const Packed packed = packed_level(level);
                for (int c = 0; c < kGroupSize; c++) large[row][c] = spread.see[c] & packed;
            }
        }
    const auto reach = [&](auto state) {
        constexpr int s = state;
        Cost key = std::min(even_key[kSources[s].from[kEven]], odd_key[kSources[s].from[kOdd]]);
        std::uint32_t row = row_of[s & 1], bins = bins_of[s & 1];
        if constexpr (s == 0 || s == 2) {
            key = std::min(key, first_key[s >> 1]);
            // Its level is the even or odd one of the first quantiser.
            constexpr int kSame = s == 0 ? kEven : kOdd;
            row |= (row >> (8 * kSame) & 0xff) << (8 * kFirst);
            bins |= (bins >> (8 * kSame) & 0xff) << (8 * kFirst);
        }
        const auto kind = unsigned(key & 3);
        decisions_[i][s] = Kind(kind);
        const Path& from = before[kFromBytes[s] >> (8 * kind) & 0xff];
        const bool inferred = !kPlain && k == 0 && group > 0 && !from.any();
        extend<kRich>(after[s], from, key >> 2, spread, rows[row >> (8 * kind) & 0xff],
                      std::int64_t(bins >> (8 * kind) & 0xff) - inferred, kind == kZero);
    };
    reach(std::integral_constant<int, 0>{});
    reach(std::integral_constant<int, 1>{});
    reach(std::integral_constant<int, 2>{});
    reach(std::integral_constant<int, 3>{});
    current_ ^= 1;
}

void Trellis::step(int group, int k) {
    Options options;
    const size_t position = scan_.position[size_t(group * kGroupSize + k)];
    make_options(std::abs(coeffs_[position]), options);
    if (weights_)
        for (auto& of_quantiser : options.distortion)
            for (Cost& distortion : of_quantiser) distortion = weighted(distortion, weights_, position);
    const bool plain = options.small && (k > 0 || group == 0);
    if (rich())
        plain ? advance<true, true>(group, k, options) : advance<false, true>(group, k, options);
    else
        plain ? advance<true, false>(group, k, options) : advance<false, false>(group, k, options);
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
                decisions_[group * kGroupSize][s] = kSkip;
                continue;
            }
            skip_cost_[s] = path.cost + flag[0];
            skip_rest_[s] = path.rest;
            path.cost += flag[1];
        }
        path.enter(s);
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
            path.rest = skip_rest_[s];
            decisions_[group * kGroupSize][s] = kSkip;
            after[s] = before[s];
        } else if (path.cost < kUnreached) {
            if (path.origin() == kNone)
                after[s].fill(kNone);
            else
                after[s] = before[path.origin()];
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
        const Kind kind = decisions_[i][state];
        if (kind == kSkip) {
            i += kGroupSize;
            continue;
        }
        const size_t position = scan_.position[i++];
        if (kind != kZero) {
            Options options;
            make_options(std::abs(coeffs_[position]), options);
            const int level = level_of(options, state, kind);
            levels[position] = Level(coeffs_[position] < 0 ? -level : level);
            result.nonzero++;
        }
        if (kind == kFirst) break;
        state = kSources[state].from[kind];
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
