// Whether a chroma block may use the CCLM modes (CclmEnabled, clause 8.4.4): in dual trees the decoder must
// not wait for more than a 32x32 luma block, or a whole 64x64 one, before it can start with chroma.
#pragma once

#include "../picture.h"

namespace idse::vvc {

enum class TreeSplit : std::uint8_t { kNone, kQt, kBtHorizontal, kBtVertical, kTtHorizontal, kTtVertical };

// What was done to the node of 64x64 luma samples (in each of the two trees) that holds the chroma block.
struct CclmNode {
    TreeSplit chroma_split = TreeSplit::kNone;
    // Only if chroma_split is kBtHorizontal: the split of that half of the node in which the chroma block
    // lies.
    TreeSplit chroma_split_of_half = TreeSplit::kNone;
    TreeSplit luma_split = TreeSplit::kNone;
    bool luma_isp = false;  // luma is one unsplit 64x64 coding block in ISP mode
};

// For an I slice with dual tree and CTUs of 64 or more luma samples. (Single tree, or smaller CTUs: always
// allowed.)
bool cclm_allowed(const CclmNode& node);

// The same from what the grids hold, while the chroma tree (or at least its 64x64 nodes) is split by quadtree
// only. chroma_block: the chroma coding block in luma samples; chroma_qt_depth: its CqtDepth. The luma coding
// blocks of the area are already in luma_grid. No ISP. A node split otherwise in the chroma tree needs its
// splits told: use CclmNode with luma_split_of_node().
bool cclm_allowed(const BlockGrid& luma_grid, const Block& chroma_block, int chroma_qt_depth, int ctu_size);

// luma_split of the 64x64 node that holds luma position (x, y). A multi-type split is answered as
// kBtHorizontal: which one it was makes no difference to the clause.
TreeSplit luma_split_of_node(const BlockGrid& luma_grid, int x, int y, int ctu_size);

}  // namespace idse::vvc
