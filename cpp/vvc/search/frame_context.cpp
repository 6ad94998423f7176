#include "frame_context.h"

#include <algorithm>

#include "../block_math.h"

namespace idse::vvc {

SearchEffort effort_of_preset(int preset) {
    static const SearchEffort efforts[5] = {
        {{1, 1, 1, 1, 1}, 1, 0, false, 0, 0, 1.2},   {{2, 1, 1, 1, 1}, 1, 4, false, 1, 0, 1.2},
        {{2, 2, 2, 1, 1}, 2, 8, false, 2, 1, 1.5},   {{3, 3, 3, 2, 2}, 3, 16, false, 2, 2, 3.0},
        {{5, 5, 4, 3, 3}, 5, 32, true, 3, 3, 100.0},
    };
    return efforts[std::clamp(preset, 0, 4)];
}

Lambda FrameContext::rough_lambda(Component c, const Block& block) const {
    const Lambda of_place = divide(lambda, distortion_weights[size_t(c)].mean(block));
    if (!frequency_in_decisions) return of_place;
    return divide(of_place, frequency.of(c, log2_of(block.w), log2_of(block.h)).mean);
}

int FrameContext::quant_qp(Component c, int qp_y) const {
    if (is_luma(c)) return qp_y + kQpBdOffset;
    const int mapped = chroma_qp_table[std::clamp(qp_y, -kQpBdOffset, 63) + kQpBdOffset];
    return std::clamp(mapped + chroma_qp_offset[size_t(c)], -kQpBdOffset, 63) + kQpBdOffset;
}

}  // namespace idse::vvc
