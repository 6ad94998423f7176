#include "search_tree.h"

#include <algorithm>
#include <limits>

#include "rd_cost.h"

namespace idse::vvc {

namespace {
constexpr int kMaxDepth = 16;
constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max() / 4;
}  // namespace

int predict_qp(const FrameState& state, int x, int y, int ctu_size, int previous_qp) {
    const int in_x = x & (ctu_size - 1), in_y = y & (ctu_size - 1);
    // The first group of a CTU row follows the CTU above it.
    if (x == 0 && in_y == 0 && y > 0) return state.luma_grid.at(x, y - 1).qp;
    const int above = in_y > 0 ? state.luma_grid.at(x, y - 1).qp : previous_qp;
    const int left = in_x > 0 ? state.luma_grid.at(x - 1, y).qp : previous_qp;
    return (above + left + 1) >> 1;
}

TreeSearch::TreeSearch(const FrameContext& context, FrameState& state)
    : context_(context), state_(state), intra_(context, state), saved_(kMaxDepth) {
    for (int i = 0; i < kMaxDepth; i++) trials_.push_back(std::make_unique<UnitTrial>());
}

void TreeSearch::search_ctu(int x, int y, const ContextSet& contexts, int& previous_qp, CtuLog& log) {
    log_ = &log;
    log.clear();
    search_.contexts = contexts;
    search_.group = QpGroup{};
    previous_qp_ = previous_qp;
    for_each_tree_root(x, y, context_,
                       [&](const TreeNode& root) { search_node(root, search_, kNoLimit, root.qt_depth); });
    previous_qp = previous_qp_;
}

void TreeSearch::clear_area(const TreeNode& node) {
    if (has_luma(node.tree)) state_.luma_grid.clear(node.area);
    if (has_chroma(node.tree, context_.format())) state_.chroma_grid.clear(node.area);
}

void TreeSearch::start_group(const TreeNode& node, SearchState& s) {
    // qPY_PREV: the last luma unit so far in coding order.
    for (size_t i = log_->units.size(); i-- > 0;)
        if (has_luma(log_->units[i].tree)) {
            previous_qp_ = log_->units[i].qp;
            break;
        }
    s.group.predicted = predict_qp(state_, node.area.x, node.area.y, context_.limits.ctu_size, previous_qp_);
    s.group.target = context_.target_qp(node.area.x, node.area.y);
    s.group.coded = !context_.qp_delta_enabled;
    if (s.group.coded) s.group.predicted = s.group.target;
}

std::int64_t TreeSearch::search_node(const TreeNode& node, SearchState& s, std::int64_t limit, int depth) {
    const bool group_start = has_luma(node.tree) && node.mtt_depth == 0 &&
                             node.area.w == std::min(kMaxTbSize, context_.limits.ctu_size);
    if (group_start) start_group(node, s);

    const AllowedSplits allowed = allowed_splits(node, context_.limits);
    const CtuLog::Mark mark = log_->mark();
    std::int64_t best_cost = limit;
    bool leaf_is_best = false;
    bool found = false;
    UnitTrial& leaf = *trials_[size_t(depth)];
    SearchState best_state;
    clear_area(node);

    if (allowed.none) {
        SearchState before = s;
        BitCounter counter;
        counter.contexts = s.contexts;
        code_split(counter, node, Split::kNone, allowed, context_, state_);
        before.contexts = counter.contexts;
        intra_.search(node, before, leaf);
        const std::int64_t cost = leaf.cost + rate_cost(context_.lambda, counter.rate);
        if (cost < best_cost || !allowed.any()) {
            best_cost = cost;
            leaf_is_best = found = true;
            best_state = leaf.after;
        }
        if (node.tree == TreeType::kSingle) clear_area(node);
    }

    const bool worth_splitting =
        !leaf_is_best || leaf.unit.cbf[0] || leaf.unit.cbf[1] || leaf.unit.cbf[2] || node.area.w > 16;
    Split order[5];
    const int tries = worth_splitting ? splits_to_try(node, allowed, order) : 0;
    bool split_in_place = false;
    Saved& saved = saved_[size_t(depth)];
    bool split_saved = false;
    Split best_split = Split::kNone;
    int qt_parts = 0;
    for (int i = 0; i < tries; i++) {
        const Split split = order[i];
        // A ternary split is tried only where the binary one of its direction is the best so far.
        if (split == Split::kTtHor && best_split != Split::kBtHor) continue;
        if (split == Split::kTtVer && best_split != Split::kBtVer) continue;
        // Where even the first quarter of the quad split costs more than the whole leaf, other splits hardly
        // pay.
        if (split != Split::kQt && allowed.qt && leaf_is_best && qt_parts <= 1) continue;
        if (split_in_place) {
            save(node, mark, saved);
            split_saved = true;
            split_in_place = false;
            log_->cut(mark);
        }
        clear_area(node);
        SearchState trial_state = s;
        const std::int64_t cost = search_split(node, split, allowed, trial_state, best_cost, depth);
        if (split == Split::kQt) qt_parts = parts_done_;
        if (cost < best_cost) {
            best_cost = cost;
            best_state = trial_state;
            best_split = split;
            leaf_is_best = false;
            found = split_in_place = true;
            split_saved = false;
        } else {
            log_->cut(mark);
        }
    }
    if (!found) return kNoLimit;  // above the limit: the caller gives this trial up

    if (leaf_is_best) {
        log_->cut(mark);
        clear_area(node);
        intra_.commit(node, leaf);
        log_->splits.push_back(Split::kNone);
        leaf.unit.first_level = std::uint32_t(log_->levels.size());
        log_->units.push_back(leaf.unit);
        leaf.append_levels(log_->levels);
    } else if (split_saved && !split_in_place) {
        restore(node, mark, saved);
    }
    s = best_state;
    if (group_start)  // the next group's qPY_PREV
        for (size_t i = log_->units.size(); i-- > mark.units;)
            if (has_luma(log_->units[i].tree)) {
                previous_qp_ = log_->units[i].qp;
                break;
            }
    return best_cost;
}

int TreeSearch::splits_to_try(const TreeNode& node, const AllowedSplits& allowed, Split order[5]) const {
    bool horizontal = true, vertical = true;
    if (allowed.any_mtt()) {
        // Binary splits follow the edges: a block that changes mostly along x is cut by vertical lines.
        const Component c = has_luma(node.tree) ? Component::kY : Component::kCb;
        const Plane& plane = context_.source->plane(c);
        const Block b = component_block(node.area, c);
        const int w = std::min(b.w, plane.width() - b.x), h = std::min(b.h, plane.height() - b.y);
        std::int64_t along_x = 0, along_y = 0;
        for (int y = 0; y + 1 < h; y++) {
            const Sample* row = plane.at(b.x, b.y + y);
            const Sample* below = plane.at(b.x, b.y + y + 1);
            std::int32_t dx = 0, dy = 0;
            for (int x = 0; x + 1 < w; x++) {
                dx += std::abs(int(row[x + 1]) - int(row[x]));
                dy += std::abs(int(below[x]) - int(row[x]));
            }
            along_x += dx;
            along_y += dy;
        }
        const double ratio = context_.effort.mtt_direction_ratio;
        if (double(along_x) > ratio * double(along_y)) horizontal = false;
        if (double(along_y) > ratio * double(along_x)) vertical = false;
    }
    // The standard has chroma blocks of two rows; the transforms here start at four.
    const int min_side = node.tree == TreeType::kDualChroma ? 2 * kMinCbSize : kMinCbSize;
    const int w = node.area.w, h = node.area.h;
    int count = 0;
    if (allowed.qt) order[count++] = Split::kQt;
    if (allowed.bt_hor && horizontal && h / 2 >= min_side) order[count++] = Split::kBtHor;
    if (allowed.bt_ver && vertical && w / 2 >= min_side) order[count++] = Split::kBtVer;
    if (allowed.tt_hor && horizontal && h / 4 >= min_side) order[count++] = Split::kTtHor;
    if (allowed.tt_ver && vertical && w / 4 >= min_side) order[count++] = Split::kTtVer;
    return count;
}

std::int64_t TreeSearch::search_split(const TreeNode& node, Split split, const AllowedSplits& allowed,
                                      SearchState& s, std::int64_t limit, int depth) {
    BitCounter counter;
    counter.contexts = s.contexts;
    code_split(counter, node, split, allowed, context_, state_);
    s.contexts = counter.contexts;
    log_->splits.push_back(split);
    std::int64_t cost = rate_cost(context_.lambda, counter.rate);

    TreeNode children[4];
    const int count = split_node(node, split, context_.limits, children);
    // A single tree may not have chroma below 4x4: its 8x8 node becomes four luma units and one chroma unit
    // (modeType MODE_TYPE_INTRA, clause 7.4.12.4).
    const bool local_dual_tree = node.tree == TreeType::kSingle && split == Split::kQt && node.area.w == 8 &&
                                 has_chroma(node.tree, context_.format());
    for (int i = 0; i < count; i++) {
        parts_done_ = i;
        if (cost >= limit) return kNoLimit;
        if (local_dual_tree) children[i].tree = TreeType::kDualLuma;
        cost += search_node(children[i], s, limit - cost, depth + 1);
    }
    parts_done_ = count;
    if (cost >= limit) return kNoLimit;
    if (local_dual_tree) {
        TreeNode chroma = node;
        chroma.tree = TreeType::kDualChroma;
        cost += search_node(chroma, s, limit - cost, depth + 1);
    }
    return std::min(cost, kNoLimit);
}

void TreeSearch::save(const TreeNode& node, const CtuLog::Mark& mark, Saved& out) const {
    out.splits.assign(log_->splits.begin() + std::ptrdiff_t(mark.splits), log_->splits.end());
    out.units.assign(log_->units.begin() + std::ptrdiff_t(mark.units), log_->units.end());
    out.levels.assign(log_->levels.begin() + std::ptrdiff_t(mark.levels), log_->levels.end());
    out.samples.clear();
    out.cells.clear();
    for (int c = 0; c < 3; c++) {
        if (c == 0 ? !has_luma(node.tree) : !has_chroma(node.tree, context_.format())) continue;
        const Plane& plane = state_.recon.planes[size_t(c)];
        const Block b = component_block(node.area, Component(c));
        for (int y = b.y; y < std::min(b.y + b.h, plane.height()); y++)
            out.samples.insert(out.samples.end(), plane.at(b.x, y),
                               plane.at(b.x, y) + std::min(b.w, plane.width() - b.x));
    }
    const BlockGrid* grids[2] = {has_luma(node.tree) ? &state_.luma_grid : nullptr,
                                 has_chroma(node.tree, context_.format()) ? &state_.chroma_grid : nullptr};
    for (const BlockGrid* grid : grids)
        if (grid)
            for (int cy = node.area.y / kUnit;
                 cy < std::min((node.area.y + node.area.h) / kUnit, grid->rows()); cy++)
                for (int cx = node.area.x / kUnit;
                     cx < std::min((node.area.x + node.area.w) / kUnit, grid->cols()); cx++)
                    out.cells.push_back(grid->cell(cx, cy));
}

void TreeSearch::restore(const TreeNode& node, const CtuLog::Mark& mark, const Saved& saved) {
    log_->cut(mark);
    log_->splits.insert(log_->splits.end(), saved.splits.begin(), saved.splits.end());
    log_->units.insert(log_->units.end(), saved.units.begin(), saved.units.end());
    log_->levels.insert(log_->levels.end(), saved.levels.begin(), saved.levels.end());
    const Sample* sample = saved.samples.data();
    for (int c = 0; c < 3; c++) {
        if (c == 0 ? !has_luma(node.tree) : !has_chroma(node.tree, context_.format())) continue;
        Plane& plane = state_.recon.planes[size_t(c)];
        const Block b = component_block(node.area, Component(c));
        const int w = std::min(b.w, plane.width() - b.x);
        for (int y = b.y; y < std::min(b.y + b.h, plane.height()); y++, sample += w)
            std::copy_n(sample, w, plane.at(b.x, y));
    }
    const BlockInfo* cell = saved.cells.data();
    BlockGrid* grids[2] = {has_luma(node.tree) ? &state_.luma_grid : nullptr,
                           has_chroma(node.tree, context_.format()) ? &state_.chroma_grid : nullptr};
    for (BlockGrid* grid : grids)
        if (grid)
            for (int cy = node.area.y / kUnit;
                 cy < std::min((node.area.y + node.area.h) / kUnit, grid->rows()); cy++)
                for (int cx = node.area.x / kUnit;
                     cx < std::min((node.area.x + node.area.w) / kUnit, grid->cols()); cx++)
                    grid->cell(cx, cy) = *cell++;
}

}  // namespace idse::vvc
