#include "cclm_allowed.h"

namespace idse::vvc {

namespace {

constexpr int kLog2NodeSize = 6;

// Number of quadtree splits from the CTU down to a node of 64x64 luma samples.
int qt_depth_of_node(int ctu_size) {
    return ctu_size == 128 ? 1 : 0;
}

}  // namespace

bool cclm_allowed(const CclmNode& node) {
    bool chroma_allows = false;
    switch (node.chroma_split) {
        case TreeSplit::kNone:
        case TreeSplit::kQt:
            chroma_allows = true;
            break;
        case TreeSplit::kBtHorizontal:
            chroma_allows = node.chroma_split_of_half == TreeSplit::kNone ||
                            node.chroma_split_of_half == TreeSplit::kBtVertical;
            break;
        default:
            break;
    }
    const bool luma_allows =
        node.luma_split == TreeSplit::kQt || (node.luma_split == TreeSplit::kNone && !node.luma_isp);
    return chroma_allows && luma_allows;
}

bool cclm_allowed(const BlockGrid& luma_grid, const Block& chroma_block, int chroma_qt_depth, int ctu_size) {
    CclmNode node;
    node.chroma_split = chroma_qt_depth > qt_depth_of_node(ctu_size) ? TreeSplit::kQt : TreeSplit::kNone;
    node.luma_split = luma_split_of_node(luma_grid, chroma_block.x, chroma_block.y, ctu_size);
    return cclm_allowed(node);
}

TreeSplit luma_split_of_node(const BlockGrid& luma_grid, int x, int y, int ctu_size) {
    const BlockInfo& luma = luma_grid.at(x, y);
    if (luma.log2_w >= kLog2NodeSize && luma.log2_h >= kLog2NodeSize) return TreeSplit::kNone;
    // A quadtree split can only come first, so one more of them than the node has means that it was the
    // node's own.
    return luma.qt_depth > qt_depth_of_node(ctu_size) ? TreeSplit::kQt : TreeSplit::kBtHorizontal;
}

}  // namespace idse::vvc
