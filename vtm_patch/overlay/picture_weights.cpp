#include "picture_weights.h"

#include <algorithm>
#include <vector>

#include "vvc/weights/fixed_math.h"

namespace idse {
namespace vtm {

using idse::vvc::Block;
using idse::vvc::kUnitWeight;
using idse::vvc::kWeightShift;
using idse::vvc::PlaneWeights;
using idse::vvc::Weight;

namespace {

constexpr int kGroupLog2 = 6;  // 64x64 luma samples share a QP
constexpr int kGroupSize = 1 << kGroupLog2;

}  // namespace

PictureWeights::PictureWeights(const idse::vvc::ShapedWeights& shaped, int width, int height, int components,
                               unsigned tools, const double (&chroma_scale)[2], double clip_qp)
    : width_(width), height_(height), tools_(tools), qp_limit_(int(clip_qp)) {
    for (int c = 0; c < components; c++) {
        const Weight scale = c ? idse::vvc::plane_scale(chroma_scale[c - 1]) : kUnitWeight;
        fine_[c] = idse::vvc::plane_weights(shaped, c, scale);
    }
    const int cols = (width + kGroupSize - 1) >> kGroupLog2, rows = (height + kGroupSize - 1) >> kGroupLog2;
    std::vector<double> of_groups(size_t(cols) * rows, 1.0);
    for (int row = 0; row < rows; row++)
        for (int col = 0; col < cols; col++) {
            const int delta = qp_delta({col << kGroupLog2, row << kGroupLog2, kGroupSize, kGroupSize});
            qp_varies_ |= delta != 0;
            of_groups[size_t(row) * cols + col] = idse::vvc::portable_exp2(-delta / 3.0);
        }
    for (int c = 0; c < components; c++) {
        const PlaneWeights coarse(of_groups, cols, rows, c ? kGroupLog2 - 1 : kGroupLog2, kUnitWeight);
        const bool fine_sse = tools & (c ? kChroma : kSse);
        const bool fine_quant = (tools & kQuant) && (c == 0 || (tools & kChroma));
        distortion_[c] = fine_sse ? fine_[c] : coarse;
        quant_[c] = fine_quant ? fine_[c] : coarse;
        if (c == 0) satd_ = tools & kSatd ? fine_[0] : coarse;
    }
}

double PictureWeights::mean(const PlaneWeights& weights, const Block& block) {
    return double(weights.mean(block).fx) / double(1 << kWeightShift);
}

double PictureWeights::alf_weight(int c, int x, int y) const {
    return tools_ & kAlf ? mean(fine_[c], {x, y, 1, 1}) : 1.0;
}

double PictureWeights::sao_weight(int c, const Block& block) const {
    return tools_ & kSao ? mean(fine_[c], block) : 1.0;
}

int PictureWeights::qp_delta(const Block& block) const {
    if (!(tools_ & kQp)) return 0;
    const int x0 = block.x & -kGroupSize, y0 = block.y & -kGroupSize;
    const int x1 = std::min((block.x + block.w + kGroupSize - 1) & -kGroupSize, width_);
    const int y1 = std::min((block.y + block.h + kGroupSize - 1) & -kGroupSize, height_);
    return idse::vvc::qp_delta_of_weight(fine_[0].mean({x0, y0, x1 - x0, y1 - y0}), qp_limit_);
}

}  // namespace vtm
}  // namespace idse
