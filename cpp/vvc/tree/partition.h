// Which splits a coding tree node may have (clause 6.4), and the nodes they lead to.
#pragma once

#include "../settings.h"
#include "coding_unit.h"

namespace idse::vvc {

// Limits of the coding tree, the same for every node of a picture (clause 7.4.3.4).
struct PartitionLimits {
    int ctu_size = 128;
    int picture_width = 0;  // coded size, luma samples
    int picture_height = 0;
    int min_qt_luma = 4;
    int min_qt_chroma = 8;  // chroma tree, luma samples
    int max_bt_size = 32;
    int max_tt_size = 32;
    int min_bt_size = 4;  // MinCbSizeY
    int max_mtt_depth_luma = 0;
    int max_mtt_depth_chroma = 0;
};

// A node of the coding tree, in luma samples for every tree.
struct TreeNode {
    Block area;
    TreeType tree = TreeType::kSingle;
    int qt_depth = 0;
    int mtt_depth = 0;
    int depth_offset = 0;         // of splits forced by the picture's edge
    Split parent = Split::kNone;  // split that led here, and which of its parts this is
    int part = 0;
};

struct AllowedSplits {
    bool qt = false, bt_hor = false, bt_ver = false, tt_hor = false, tt_ver = false;
    bool none = false;  // split_cu_flag may be 0
    bool any() const { return qt || bt_hor || bt_ver || tt_hor || tt_ver; }
    bool any_mtt() const { return bt_hor || bt_ver || tt_hor || tt_ver; }
    bool operator[](Split s) const;
};

AllowedSplits allowed_splits(const TreeNode& node, const PartitionLimits& limits);

// Parts of a split in coding order; parts wholly outside the picture are left out. Returns their number (<=
// 4).
int split_node(const TreeNode& node, Split split, const PartitionLimits& limits, TreeNode children[4]);

}  // namespace idse::vvc
