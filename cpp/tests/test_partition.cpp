#include "check.h"
#include "vvc/tree/partition.h"

using namespace idse::vvc;

namespace {

PartitionLimits limits_of(int width, int height, int mtt_depth = 0) {
    PartitionLimits limits;
    limits.picture_width = width;
    limits.picture_height = height;
    limits.max_mtt_depth_luma = limits.max_mtt_depth_chroma = mtt_depth;
    return limits;
}

TreeNode node_of(int x, int y, int w, int h, TreeType tree = TreeType::kDualLuma) {
    TreeNode node;
    node.area = Block{x, y, w, h};
    node.tree = tree;
    return node;
}

// Samples of the picture covered by the leaves when every node is split as long as it may.
int cover(const TreeNode& node, const PartitionLimits& limits) {
    const AllowedSplits allowed = allowed_splits(node, limits);
    if (!allowed.qt) {
        CHECK(allowed.none);
        return node.area.w * node.area.h;
    }
    TreeNode children[4];
    const int count = split_node(node, Split::kQt, limits, children);
    int total = 0;
    for (int i = 0; i < count; i++) total += cover(children[i], limits);
    return total;
}

}  // namespace

TEST(the_quad_tree_covers_the_picture_and_nothing_else) {
    for (int w = 8; w <= 128; w += 8)
        for (int h = 8; h <= 128; h += 40)
            for (TreeType tree : {TreeType::kDualLuma, TreeType::kDualChroma, TreeType::kSingle})
                CHECK_EQ(cover(node_of(0, 0, 128, 128, tree), limits_of(w, h)), w * h);
}

TEST(nodes_over_the_edge_must_split) {
    const PartitionLimits limits = limits_of(72, 64);
    CHECK(!allowed_splits(node_of(64, 0, 64, 64), limits).none);
    CHECK(allowed_splits(node_of(64, 0, 8, 8), limits).none);
}

TEST(chroma_trees_stop_at_4x4_chroma_samples) {
    const PartitionLimits limits = limits_of(64, 64);
    CHECK(!allowed_splits(node_of(0, 0, 8, 8, TreeType::kDualChroma), limits).any());
    CHECK(allowed_splits(node_of(0, 0, 8, 8, TreeType::kDualLuma), limits).qt);
    CHECK(!allowed_splits(node_of(0, 0, 4, 4, TreeType::kDualLuma), limits).any());
}

TEST(multi_type_splits_obey_depth_and_size) {
    const PartitionLimits limits = limits_of(128, 128, 1);
    const AllowedSplits of_32 = allowed_splits(node_of(0, 0, 32, 32), limits);
    CHECK(of_32.bt_hor && of_32.bt_ver && of_32.tt_hor && of_32.tt_ver);
    CHECK(!allowed_splits(node_of(0, 0, 64, 64), limits).any_mtt());
    CHECK(!allowed_splits(node_of(0, 0, 8, 8), limits).tt_hor);
    CHECK(allowed_splits(node_of(0, 0, 8, 8), limits).bt_hor);
    TreeNode deep = node_of(0, 0, 32, 16);
    deep.mtt_depth = 1;
    CHECK(!allowed_splits(deep, limits).any());
}
