#include "partition.h"

#include <algorithm>

namespace idse::vvc {

bool AllowedSplits::operator[](Split s) const {
    switch (s) {
        case Split::kNone:
            return none;
        case Split::kQt:
            return qt;
        case Split::kBtHor:
            return bt_hor;
        case Split::kBtVer:
            return bt_ver;
        case Split::kTtHor:
            return tt_hor;
        case Split::kTtVer:
            return tt_ver;
    }
    return false;
}

namespace {

// Clause 6.4.2 for the two binary splits of a node that lies at (or over) the picture's edge or not.
bool binary_allowed(const TreeNode& node, const PartitionLimits& limits, bool vertical, int max_mtt_depth) {
    const Block& a = node.area;
    const bool chroma = node.tree == TreeType::kDualChroma;
    const int split_side = vertical ? a.w : a.h;
    if (split_side <= limits.min_bt_size || a.w > limits.max_bt_size || a.h > limits.max_bt_size)
        return false;
    if (node.mtt_depth >= max_mtt_depth) return false;
    if (chroma && (a.w / 2) * (a.h / 2) <= 16) return false;
    if (chroma && vertical && a.w / 2 == 4) return false;
    const bool over_right = a.x + a.w > limits.picture_width;
    const bool over_bottom = a.y + a.h > limits.picture_height;
    if (vertical) {
        if (over_bottom) return false;
        if (a.h > kMaxTbSize && over_right) return false;
        if (a.w <= kMaxTbSize && a.h > kMaxTbSize) return false;
    } else {
        if (a.w > kMaxTbSize && over_bottom) return false;
        if (over_right && !over_bottom) return false;
        if (a.w > kMaxTbSize && a.h <= kMaxTbSize) return false;
    }
    if (over_right && over_bottom && a.w > (chroma ? limits.min_qt_chroma : limits.min_qt_luma)) return false;
    // The middle of a ternary split is not split again the same way: that would be a quarter split.
    if (node.part == 1 && node.parent == (vertical ? Split::kTtVer : Split::kTtHor)) return false;
    return true;
}

// Clause 6.4.3.
bool ternary_allowed(const TreeNode& node, const PartitionLimits& limits, bool vertical, int max_mtt_depth) {
    const Block& a = node.area;
    const bool chroma = node.tree == TreeType::kDualChroma;
    const int split_side = vertical ? a.w : a.h;
    const int max_size = std::min(kMaxTbSize, limits.max_tt_size);
    if (split_side <= 2 * limits.min_bt_size || a.w > max_size || a.h > max_size) return false;
    if (node.mtt_depth >= max_mtt_depth) return false;
    if (a.x + a.w > limits.picture_width || a.y + a.h > limits.picture_height) return false;
    if (chroma && (a.w / 2) * (a.h / 2) <= 32) return false;
    if (chroma && vertical && a.w / 2 == 8) return false;
    return true;
}

}  // namespace

AllowedSplits allowed_splits(const TreeNode& node, const PartitionLimits& limits) {
    const Block& a = node.area;
    const bool chroma = node.tree == TreeType::kDualChroma;
    const bool inside = a.x + a.w <= limits.picture_width && a.y + a.h <= limits.picture_height;
    const int max_mtt_depth =
        (chroma ? limits.max_mtt_depth_chroma : limits.max_mtt_depth_luma) + node.depth_offset;

    AllowedSplits s;
    // Clause 6.4.1; the chroma tree stops at 4x4 chroma samples.
    s.qt = node.mtt_depth == 0 && a.w > (chroma ? limits.min_qt_chroma : limits.min_qt_luma);
    if (max_mtt_depth > 0) {
        s.bt_hor = binary_allowed(node, limits, false, max_mtt_depth);
        s.bt_ver = binary_allowed(node, limits, true, max_mtt_depth);
        s.tt_hor = ternary_allowed(node, limits, false, max_mtt_depth);
        s.tt_ver = ternary_allowed(node, limits, true, max_mtt_depth);
    }
    s.none = inside && a.w <= kMaxTbSize && a.h <= kMaxTbSize;
    return s;
}

int split_node(const TreeNode& node, Split split, const PartitionLimits& limits, TreeNode children[4]) {
    const Block& a = node.area;
    int count = 0;
    int part = 0;
    auto add = [&](int x, int y, int w, int h) {
        const int index = part++;
        if (x >= limits.picture_width || y >= limits.picture_height) return;
        TreeNode& child = children[count++];
        child = node;
        child.area = Block{x, y, w, h};
        child.parent = split;
        child.part = index;
        if (split == Split::kQt) {
            child.qt_depth++;
        } else {
            child.mtt_depth++;
            const bool over = a.x + a.w > limits.picture_width || a.y + a.h > limits.picture_height;
            if (over) child.depth_offset++;
        }
    };
    switch (split) {
        case Split::kNone:
            break;
        case Split::kQt:
            for (int i = 0; i < 4; i++)
                add(a.x + (i & 1) * a.w / 2, a.y + (i >> 1) * a.h / 2, a.w / 2, a.h / 2);
            break;
        case Split::kBtHor:
            for (int i = 0; i < 2; i++) add(a.x, a.y + i * a.h / 2, a.w, a.h / 2);
            break;
        case Split::kBtVer:
            for (int i = 0; i < 2; i++) add(a.x + i * a.w / 2, a.y, a.w / 2, a.h);
            break;
        case Split::kTtHor:
            add(a.x, a.y, a.w, a.h / 4);
            add(a.x, a.y + a.h / 4, a.w, a.h / 2);
            add(a.x, a.y + 3 * a.h / 4, a.w, a.h / 4);
            break;
        case Split::kTtVer:
            add(a.x, a.y, a.w / 4, a.h);
            add(a.x + a.w / 4, a.y, a.w / 2, a.h);
            add(a.x + 3 * a.w / 4, a.y, a.w / 4, a.h);
            break;
    }
    return count;
}

}  // namespace idse::vvc
