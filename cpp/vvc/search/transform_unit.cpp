#include "transform_unit.h"

#include <algorithm>

#include "../bitstream/parameter_sets.h"
#include "../block_math.h"
#include "../entropy/residual_contexts.h"
#include "../simd/kernels.h"
#include "../transform/dct.h"
#include "../transform/quant.h"
#include "../transform/scaling.h"
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

alignas(64) constexpr Coeff kZeros[kMaxTbSize * kMaxTbSize] = {};

// Coefficients in units in which the steps of a scaling list are those of the flat one.
void to_flat(const FrequencyTable& table, int count, const Coeff* coeffs, Coeff* out) {
    constexpr std::int64_t kRound = std::int64_t{1} << (FrequencyTable::kToFlatShift - 1);
    for (int i = 0; i < count; i++)
        out[i] = Coeff(std::clamp<std::int64_t>(
            (std::int64_t{coeffs[i]} * table.to_flat[size_t(i)] + kRound) >> FrequencyTable::kToFlatShift,
            -kMaxCoeff - 1, kMaxCoeff));
}

}  // namespace

bool TransformUnitCoder::counts_frequencies(Component component) const {
    return context_.frequency_in_decisions && !(is_luma(component) && !context_.tiles.empty());
}

Distortion TransformUnitCoder::distortion(Component component, const Block& block,
                                          const Sample* recon) const {
    const Plane& source = context_.source->plane(component);
    if (is_luma(component) && !context_.tiles.empty())
        return context_.tiles.distortion(block, source, recon, block.w, state_.recon.plane(component),
                                         state_.luma_grid);
    return weighted_sse(context_.distortion_weights[size_t(component)], block, source.at(block.x, block.y),
                        source.stride(), recon, block.w);
}

Distortion TransformUnitCoder::frequency_distortion(Component component, const Block& block,
                                                    const FrequencyTable& table, const Coeff* coeffs,
                                                    const Coeff* recon, std::int64_t sse) const {
    const int log2_w = log2_of(block.w), log2_h = log2_of(block.h);
    const Distortion sum = vvc::frequency_distortion(table, log2_w, log2_h, coeffs, recon, sse);
    const std::int64_t mean = context_.distortion_weights[size_t(component)].mean(block).fx;
    // Both are fixed point. A block's squared error has at most 33 bits, its weights over frequency 17, its
    // mean weight 24: what could overflow is far from any doubt about the last bits.
    constexpr int kHalf = kWeightShift / 2;
    return sum >> 46 ? (sum >> kWeightShift) * mean : ((sum >> kHalf) * mean) >> kHalf;
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

    const FrequencyTable* const table = context_.frequency.empty()
                                            ? nullptr
                                            : &context_.frequency.of(component, params.log2_w, params.log2_h);
    choose_levels(block, params, table, contexts, out);
    reconstruct(params, prediction, out);
    out.distortion = counts_frequencies(component)
                         ? error_by_frequency(block, params, *table, prediction, out)
                         : distortion(component, block, out.recon);
}

void TransformUnitCoder::choose_levels(const Block& block, QuantParams& params, const FrequencyTable* table,
                                       const ContextSet& contexts, TransformTrial& out) {
    Lambda lambda = context_.block_lambda(params.component, block);
    const Coeff* to_quantise = coeffs_;
    if (table && context_.frequency_in_levels) {
        if (params.transform_skip) {
            lambda = divide(lambda, table->mean);  // an error of one sample is of all frequencies
        } else {
            params.weights = table->flat_weights.data();
            if (!table->factors.empty()) {
                params.factors = table->factors.data();
                to_flat(*table, block.w * block.h, coeffs_, flat_);
                to_quantise = flat_;
            }
        }
    }
    const int nonzero = params.dependent_quant
                            ? quantize_dependent(to_quantise, params, lambda, contexts, out.levels)
                            : quantize_rdoq(to_quantise, params, lambda, contexts, out.levels);
    out.cbf = nonzero > 0;
    out.transform_skip = params.transform_skip && out.cbf;
}

void TransformUnitCoder::reconstruct(const QuantParams& params, const Sample* prediction,
                                     TransformTrial& out) {
    const int w = 1 << params.log2_w, h = 1 << params.log2_h;
    if (out.cbf) {
        dequantize(out.levels, params, dequantized_);
        if (params.transform_skip) {
            inverse_transform_skip(dequantized_, params.log2_w, params.log2_h, residual_, w);
        } else {
            int columns, rows;
            nonzero_extent(out.levels, w, h, columns, rows);
            inverse_dct2(dequantized_, params.log2_w, params.log2_h, columns, rows, residual_, w);
        }
        kernels().reconstruct(prediction, residual_, w * h, out.recon);
    } else {
        std::copy_n(prediction, w * h, out.recon);
    }
}

Distortion TransformUnitCoder::error_by_frequency(const Block& block, const QuantParams& params,
                                                  const FrequencyTable& table, const Sample* prediction,
                                                  const TransformTrial& trial) {
    const int w = block.w, h = block.h;
    const Plane& source = context_.source->plane(params.component);
    if (params.transform_skip) {  // the coefficients are samples: only their error's transform serves
        kernels().subtract(source.at(block.x, block.y), source.stride(), trial.recon, w, h, residual_);
        forward_dct2(residual_, w, params.log2_w, params.log2_h, coeffs_);
    }
    const std::int64_t sse =
        std::max(w, h) > kMaxCodedTbSize
            ? plain_sse(source.at(block.x, block.y), source.stride(), prediction, w, w, h)
            : 0;
    return frequency_distortion(params.component, block, table, coeffs_,
                                params.transform_skip || !trial.cbf ? kZeros : dequantized_, sse);
}

}  // namespace idse::vvc
