#include "frame_context.h"

#include <algorithm>

namespace idse::vvc {

SearchEffort effort_of_preset(int preset) {
    static const SearchEffort efforts[5] = {
        {{1, 1, 1, 1, 1}, 1, 0, false, 0, 0, 1.2},   {{2, 1, 1, 1, 1}, 1, 4, false, 1, 0, 1.2},
        {{2, 2, 2, 1, 1}, 2, 8, false, 2, 1, 1.5},   {{3, 3, 3, 2, 2}, 3, 16, false, 2, 2, 3.0},
        {{5, 5, 4, 3, 3}, 5, 32, true, 3, 3, 100.0},
    };
    return efforts[std::clamp(preset, 0, 4)];
}

int FrameContext::quant_qp(Component c, int qp_y) const {
    if (is_luma(c)) return qp_y + kQpBdOffset;
    const int mapped = chroma_qp_table[std::clamp(qp_y, -kQpBdOffset, 63) + kQpBdOffset];
    return std::clamp(mapped + chroma_qp_offset[size_t(c)], -kQpBdOffset, 63) + kQpBdOffset;
}

}  // namespace idse::vvc
