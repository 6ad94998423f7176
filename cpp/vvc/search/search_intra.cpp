#include "search_intra.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "../block_math.h"
#include "rd_cost.h"

namespace idse::vvc {

namespace {

// A candidate of the SATD preselection.
struct RoughMode {
    int mode;
    std::int64_t cost;
};

// Keeps the `count` cheapest, cheapest first; equal costs keep the earlier one.
void insert_sorted(std::vector<RoughMode>& list, RoughMode mode, size_t count) {
    auto at = std::upper_bound(list.begin(), list.end(), mode,
                               [](const RoughMode& a, const RoughMode& b) { return a.cost < b.cost; });
    list.insert(at, mode);
    if (list.size() > count) list.pop_back();
}

// Bits of a luma mode in 2^-15 bit, contexts not adapted.
Rate luma_mode_rate(const ContextSet& contexts, int mode, const MpmList& mpm) {
    const LumaModeCode code = code_of_luma_mode(mode, mpm);
    Rate rate = contexts[ctx::kIntraLumaMpmFlag].rate(code.mpm_idx >= 0);
    if (code.mpm_idx < 0) return rate + (code.mpm_remainder < 3 ? 5 : 6) * kOneBit;
    rate += contexts[ctx::kIntraLumaPlanarFlag + 1].rate(code.mpm_idx != 0);
    if (code.mpm_idx > 0) rate += std::min(code.mpm_idx, 4) * kOneBit;
    return rate;
}

}  // namespace

UnitTrial::UnitTrial() {
    for (auto& c : component) c = std::make_unique<TransformTrial>();
}

void UnitTrial::append_levels(std::vector<Level>& out) const {
    for (int c = 0; c < 3; c++) {
        if (!unit.cbf[c]) continue;
        const Block block = component_block(unit.luma, Component(c));
        out.insert(out.end(), component[c]->levels, component[c]->levels + block.w * block.h);
    }
}

IntraSearch::IntraSearch(const FrameContext& context, FrameState& state)
    : context_(context), state_(state), transform_(context, state) {}

PredictionContext IntraSearch::prediction_context(TreeType tree) const {
    PredictionContext p;
    p.recon = &state_.recon;
    p.grid = &state_.grid(tree);
    p.luma_grid = &state_.luma_grid;
    p.ctu_size = context_.limits.ctu_size;
    p.wpp = context_.settings->wpp;
    return p;
}

void IntraSearch::search(const TreeNode& node, const SearchState& before, UnitTrial& best) {
    if (has_luma(node.tree)) search_luma(node, before, best);
    if (!has_chroma(node.tree, context_.format())) return;
    if (node.tree == TreeType::kDualChroma) {
        const Block& a = node.area;
        const int qp_y = state_.luma_grid
                             .at(std::min(a.x + a.w / 2, state_.recon.width() - 1),
                                 std::min(a.y + a.h / 2, state_.recon.height() - 1))
                             .qp;
        search_chroma(node, before, qp_y, best);
        return;
    }
    // Single tree: chroma on top of the best luma, then the cost of the whole unit in the order of the
    // syntax.
    const CodingUnit luma_unit = best.unit;
    commit_luma(node, best);
    search_chroma(node, before, before.group.target, best);
    best.unit.luma_mode = luma_unit.luma_mode;
    best.unit.cbf[0] = luma_unit.cbf[0];
    best.unit.transform_skip[0] = luma_unit.transform_skip[0];
    best.unit.tree = TreeType::kSingle;
    const bool coded = best.unit.cbf[0] || best.unit.cbf[1] || best.unit.cbf[2];
    best.unit.qp = std::int8_t(coded || before.group.coded ? before.group.target : before.group.predicted);
    best.cost = trial_cost(node, best.unit, before, best, best.after);
}

// Modes worth a full test, best first; returns their number.
int IntraSearch::preselect_luma(const Block& block, const SearchState& before, const MpmList& mpm, int wanted,
                                int modes[]) {
    const Plane& source = context_.source->plane(Component::kY);
    const Sample* org = source.at(block.x, block.y);
    const std::int64_t sqrt_lambda_q8 = sqrt_lambda(context_.rough_lambda(Component::kY, block));
    bool tested[67] = {};
    std::vector<RoughMode> best;
    best.reserve(8);
    const size_t keep = size_t(std::max(wanted, 3));
    auto test = [&](int mode) {
        if (mode < 0 || mode > kVerticalDiagonal || tested[mode]) return;
        tested[mode] = true;
        predictor_[0].predict(mode, prediction_, block.w);
        const std::int64_t cost =
            satd(org, source.stride(), prediction_, block.w, block.w, block.h) * 256 +
            ((sqrt_lambda_q8 * luma_mode_rate(before.contexts, mode, mpm)) >> kRateShift);
        insert_sorted(best, {mode, cost}, keep);
    };
    test(kPlanar);
    test(kDc);
    for (int mode = 2; mode <= kVerticalDiagonal; mode += 4) test(mode);
    for (int mode : mpm.modes) test(mode);
    for (int step = 2; step >= 1; step--) {
        int centres[2] = {-1, -1};
        int found = 0;
        for (const RoughMode& m : best)
            if (m.mode > kDc && found < 2) centres[found++] = m.mode;
        for (int i = 0; i < found; i++) {
            if (centres[i] - step > kDc) test(centres[i] - step);
            test(centres[i] + step);
        }
    }
    const int count = std::min<int>(wanted, int(best.size()));
    for (int i = 0; i < count; i++) modes[i] = best[size_t(i)].mode;
    return count;
}

std::int64_t IntraSearch::trial_cost(const TreeNode& node, const CodingUnit& unit, const SearchState& before,
                                     const UnitTrial& trial, SearchState& after) {
    BitCounter counter;
    counter.contexts = before.contexts;
    after.group = before.group;
    levels_.clear();
    Distortion distortion = 0;
    for (int c = 0; c < 3; c++) {
        const bool present = c == 0 ? has_luma(unit.tree) : has_chroma(unit.tree, context_.format());
        if (!present) continue;
        const Block block = component_block(unit.luma, Component(c));
        distortion += trial.component[c]->distortion;
        if (unit.cbf[c])
            levels_.insert(levels_.end(), trial.component[c]->levels,
                           trial.component[c]->levels + block.w * block.h);
    }
    const bool chroma = has_chroma(unit.tree, context_.format());
    code_unit(counter, unit, levels_.data(), context_,
              has_luma(unit.tree) ? mpm_list_of(state_, unit.luma, context_.limits.ctu_size) : MpmList{},
              chroma ? dm_mode_of(state_, unit.luma) : kPlanar,
              chroma && cclm_allowed(context_, state_, unit, node.qt_depth), after.group);
    after.contexts = counter.contexts;
    return distortion + rate_cost(context_.lambda, counter.rate);
}

void IntraSearch::search_luma(const TreeNode& node, const SearchState& before, UnitTrial& best) {
    const Block& block = node.area;
    predictor_[0].begin(prediction_context(node.tree), Component::kY, block);
    const MpmList mpm = mpm_list_of(state_, block, context_.limits.ctu_size);
    const int size_class = std::min(log2_of(std::min(block.w, block.h)) - 2, 4);
    int modes[16];
    const int count = preselect_luma(block, before, mpm, context_.effort.full_rd_luma[size_class], modes);

    best.cost = std::numeric_limits<std::int64_t>::max();
    const bool ts_possible =
        context_.settings->transform_skip && std::max(block.w, block.h) <= context_.effort.max_ts_size;
    auto test = [&](int mode, bool transform_skip) {
        CodingUnit& unit = candidate_.unit;
        unit = CodingUnit{};
        unit.luma = block;
        unit.tree = TreeType::kDualLuma;  // luma's share of a single-tree unit too
        unit.luma_mode = std::uint8_t(mode);
        predictor_[0].predict(mode, prediction_, block.w);
        TransformTrial& trial = *candidate_.component[0];
        transform_.code(Component::kY, block, prediction_, before.group.target, transform_skip,
                        before.contexts, trial);
        if (transform_skip && !trial.cbf) return;
        unit.cbf[0] = trial.cbf;
        unit.transform_skip[0] = trial.transform_skip;
        unit.qp = std::int8_t(trial.cbf || before.group.coded ? before.group.target : before.group.predicted);
        candidate_.cost = trial_cost(node, unit, before, candidate_, candidate_.after);
        if (candidate_.cost < best.cost) {
            std::swap(best.component[0], candidate_.component[0]);
            best.unit = unit;
            best.cost = candidate_.cost;
            best.after = candidate_.after;
        }
    };
    for (int i = 0; i < count; i++) {
        test(modes[i], false);
        if (ts_possible && context_.effort.ts_all_candidates) test(modes[i], true);
    }
    if (ts_possible && !context_.effort.ts_all_candidates && best.unit.cbf[0])
        test(best.unit.luma_mode, true);
}

void IntraSearch::search_chroma(const TreeNode& node, const SearchState& before, int qp_y, UnitTrial& best) {
    const Block block = component_block(node.area, Component::kCb);
    CodingUnit unit;
    unit.luma = node.area;
    unit.tree = TreeType::kDualChroma;  // chroma's share of a single-tree unit too
    unit.qp = std::int8_t(qp_y);
    const int dm = dm_mode_of(state_, node.area);
    const bool cclm = cclm_allowed(context_, state_, unit, node.qt_depth);

    int modes[8];
    bool is_dm[8] = {};
    int count = 0;
    is_dm[count] = true;
    modes[count++] = dm;
    for (int mode : explicit_chroma_modes(dm)) modes[count++] = mode;
    if (cclm)
        for (int mode = kLtCclm; mode <= kTCclm; mode++) modes[count++] = mode;

    // Rough order by SATD of both planes; DM is cheapest to code, explicit modes cost about three bits more.
    std::vector<RoughMode> order;
    order.reserve(8);
    const Component planes[2] = {Component::kCb, Component::kCr};
    for (int p = 0; p < 2; p++) predictor_[p].begin(prediction_context(node.tree), planes[p], block);
    const std::int64_t sqrt_lambda_q8 = sqrt_lambda(context_.rough_lambda(Component::kCb, block));
    for (int i = 0; i < count; i++) {
        std::int64_t cost = 0;
        for (int p = 0; p < 2; p++) {
            Sample* prediction = chroma_prediction_[p][i];
            if (modes[i] >= kLtCclm)
                predictor_[p].predict_cclm(modes[i], prediction, block.w);
            else
                predictor_[p].predict(modes[i], prediction, block.w);
            const Plane& source = context_.source->plane(planes[p]);
            cost +=
                satd(source.at(block.x, block.y), source.stride(), prediction, block.w, block.w, block.h) *
                256;
        }
        const int bits = is_dm[i] ? 1 : modes[i] >= kLtCclm ? 2 : 4;
        insert_sorted(order, {i, cost + sqrt_lambda_q8 * bits}, size_t(context_.effort.full_rd_chroma));
    }

    best.cost = std::numeric_limits<std::int64_t>::max();
    const bool ts_possible =
        context_.settings->transform_skip && std::max(block.w, block.h) <= context_.effort.max_ts_size;
    auto test = [&](int index, const bool(&skip)[2]) {
        CodingUnit& candidate = candidate_.unit;
        candidate = unit;
        candidate.chroma_mode = std::uint8_t(modes[index]);
        candidate.chroma_dm = is_dm[index];
        for (int p = 0; p < 2; p++) {
            TransformTrial& trial = *candidate_.component[p + 1];
            transform_.code(planes[p], block, chroma_prediction_[p][index], qp_y, skip[p], before.contexts,
                            trial);
            candidate.cbf[p + 1] = trial.cbf;
            candidate.transform_skip[p + 1] = trial.transform_skip;
        }
        candidate_.cost = trial_cost(node, candidate, before, candidate_, candidate_.after);
        if (candidate_.cost < best.cost) {
            for (int c = 1; c < 3; c++) std::swap(best.component[c], candidate_.component[c]);
            best.unit = candidate;
            best.cost = candidate_.cost;
            best.after = candidate_.after;
            return true;
        }
        return false;
    };
    int best_index = 0;
    for (const RoughMode& rough : order)
        if (test(rough.mode, {false, false})) best_index = rough.mode;
    if (ts_possible && (best.unit.cbf[1] || best.unit.cbf[2]))
        test(best_index, {best.unit.cbf[1], best.unit.cbf[2]});
}

void IntraSearch::commit_luma(const TreeNode& node, const UnitTrial& trial) {
    const Block& block = node.area;
    Plane& plane = state_.recon.plane(Component::kY);
    for (int y = 0; y < block.h; y++)
        std::copy_n(trial.component[0]->recon + y * block.w, block.w, plane.at(block.x, block.y + y));
    BlockInfo info;
    info.x0 = std::uint16_t(block.x);
    info.y0 = std::uint16_t(block.y);
    info.log2_w = std::uint8_t(log2_of(block.w));
    info.log2_h = std::uint8_t(log2_of(block.h));
    info.qt_depth = std::uint8_t(node.qt_depth);
    info.mode = trial.unit.luma_mode;
    info.qp = trial.unit.qp;
    state_.luma_grid.fill(block, info);
}

void IntraSearch::commit_chroma(const TreeNode& node, const UnitTrial& trial) {
    const Block block = component_block(node.area, Component::kCb);
    for (int c = 1; c < 3; c++) {
        Plane& plane = state_.recon.plane(Component(c));
        for (int y = 0; y < block.h; y++)
            std::copy_n(trial.component[c]->recon + y * block.w, block.w, plane.at(block.x, block.y + y));
    }
    BlockInfo info;
    info.x0 = std::uint16_t(node.area.x);
    info.y0 = std::uint16_t(node.area.y);
    info.log2_w = std::uint8_t(log2_of(node.area.w));
    info.log2_h = std::uint8_t(log2_of(node.area.h));
    info.qt_depth = std::uint8_t(node.qt_depth);
    info.mode = trial.unit.chroma_mode;
    info.qp = trial.unit.qp;
    state_.chroma_grid.fill(node.area, info);
}

void IntraSearch::commit(const TreeNode& node, const UnitTrial& trial) {
    if (has_luma(node.tree)) commit_luma(node, trial);
    if (has_chroma(node.tree, context_.format())) commit_chroma(node, trial);
}

}  // namespace idse::vvc
