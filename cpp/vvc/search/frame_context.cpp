#include "frame_context.h"

#include <algorithm>
#include <cstdlib>

namespace idse::vvc {

SearchEffort effort_of_preset(int preset) {
    static const SearchEffort efforts[5] = {
        {{1, 1, 1, 1, 1}, 1, 0, false, 0, 0, true}, {{2, 1, 1, 1, 1}, 1, 4, false, 0, 0, true},
        {{2, 2, 2, 1, 1}, 2, 8, false, 0, 0, true}, {{3, 3, 2, 2, 2}, 3, 16, false, 0, 0, true},
        {{5, 5, 4, 3, 3}, 5, 32, true, 0, 0, true},
    };
    if (getenv("MTT")) { static SearchEffort e; e=efforts[std::clamp(preset, 0, 4)]; e.mtt_depth_luma=getenv("MTT")[0]-'0'; e.mtt_depth_chroma=getenv("MTT")[1]-'0'; return e; }
    return efforts[std::clamp(preset, 0, 4)];
}

int FrameContext::quant_qp(Component c, int qp_y) const {
    if (is_luma(c)) return qp_y + kQpBdOffset;
    const int mapped = chroma_qp_table[std::clamp(qp_y, -kQpBdOffset, 63) + kQpBdOffset];
    return std::clamp(mapped + chroma_qp_offset[size_t(c)], -kQpBdOffset, 63) + kQpBdOffset;
}

}  // namespace idse::vvc
