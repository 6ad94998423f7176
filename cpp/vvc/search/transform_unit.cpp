#include "transform_unit.h"

#include <algorithm>

#include "../bitstream/parameter_sets.h"
#include "../block_math.h"
#include "../simd/kernels.h"
#include "../transform/dct.h"
#include "../transform/quant.h"
#include "../weights/weighted_sse.h"

namespace idse::vvc {

namespace {

// Extent of the non-zero levels, so that the inverse transform skips what is empty.
void nonzero_extent(const Level* levels, int w, int h, int& columns, int& rows) {
    columns = rows = 0;
    const int max_x = std::min(w, 32), max_y = std::min(h, 32);
    Level any[32] = {};
    for (int y = 0; y < max_y; y++) {
        Level row = 0;
        for (int x = 0; x < max_x; x++) {
            any[x] = Level(any[x] | levels[y * w + x]);
            row = Level(row | levels[y * w + x]);
        }
        if (row) rows = y + 1;
    }
    for (int x = 0; x < max_x; x++)
        if (any[x]) columns = x + 1;
}

}  // namespace

Distortion TransformUnitCoder::distortion(Component component, const Block& block,
                                          const Sample* recon) const {
    const Plane& source = context_.source->plane(component);
    if (is_luma(component) && !context_.tiles.empty())
        return context_.tiles.distortion(block, source, recon, block.w, state_.recon.plane(component),
                                         state_.luma_grid);
    return weighted_sse(context_.distortion_weights[size_t(component)], block, source.at(block.x, block.y),
                        source.stride(), recon, block.w);
}

void TransformUnitCoder::code(Component component, const Block& block, const Sample* prediction, int qp_y,
                              bool transform_skip, const ContextSet& contexts, TransformTrial& out) {
    const int w = block.w, h = block.h;
    const Plane& source = context_.source->plane(component);
    kernels().subtract(source.at(block.x, block.y), source.stride(), prediction, w, h, residual_);

    QuantParams params;
    params.qp = context_.quant_qp(component, qp_y);
    params.log2_w = log2_of(w);
    params.log2_h = log2_of(h);
    params.component = component;
    params.transform_skip = transform_skip;
    params.dependent_quant = context_.settings->dependent_quant && !transform_skip;
    if (transform_skip) params.qp = std::max(params.qp, kQpPrimeTsMin);

    if (transform_skip)
        forward_transform_skip(residual_, w, params.log2_w, params.log2_h, coeffs_);
    else
        forward_dct2(residual_, w, params.log2_w, params.log2_h, coeffs_);

    const Lambda lambda = context_.block_lambda(component, block);
    const int nonzero = params.dependent_quant
                            ? quantize_dependent(coeffs_, params, lambda, contexts, out.levels)
                            : quantize_rdoq(coeffs_, params, lambda, contexts, out.levels);
    out.cbf = nonzero > 0;
    out.transform_skip = transform_skip && out.cbf;
    if (out.cbf) {
        dequantize(out.levels, params, coeffs_);
        if (transform_skip) {
            inverse_transform_skip(coeffs_, params.log2_w, params.log2_h, residual_, w);
        } else {
            int columns, rows;
            nonzero_extent(out.levels, w, h, columns, rows);
            inverse_dct2(coeffs_, params.log2_w, params.log2_h, columns, rows, residual_, w);
        }
        kernels().reconstruct(prediction, residual_, w * h, out.recon);
    } else {
        std::copy_n(prediction, w * h, out.recon);
    }
    out.distortion = distortion(component, block, out.recon);
}

}  // namespace idse::vvc
