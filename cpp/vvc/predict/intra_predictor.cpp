#include "intra_predictor.h"

#include <cassert>

#include "angular.h"
#include "intra_modes.h"
#include "planar_dc.h"

namespace idse::vvc {

void IntraPredictor::begin(const PredictionContext& context, Component component, const Block& block) {
    assert(block.w >= 4 && block.h >= 4 && block.w <= kMaxTbSize && block.h <= kMaxTbSize);
    context_ = context;
    component_ = component;
    block_ = block;
    has_smoothed_ = false;
    has_cclm_luma_ = false;
    gather_reference_samples(context, component, block, plain_);
}

const ReferenceSamples& IntraPredictor::smoothed() {
    if (!has_smoothed_) smooth_reference_samples(plain_, block_.w, block_.h, smoothed_);
    has_smoothed_ = true;
    return smoothed_;
}

void IntraPredictor::predict(int mode, Sample* dst, std::ptrdiff_t dst_stride) {
    const int w = block_.w;
    const int h = block_.h;
    const bool luma = is_luma(component_);
    assert(mode >= kPlanar && mode <= kVerticalDiagonal);
    if (mode == kPlanar) {
        predict_planar(luma && w * h > 32 ? smoothed() : plain_, w, h, dst, dst_stride);
        return;
    }
    if (mode == kDc) {
        predict_dc(plain_, w, h, dst, dst_stride);
        return;
    }
    const int wide_mode = wide_angle_mode(mode, w, h);
    const LumaFilter filter =
        luma ? luma_filter_of(wide_mode, w, h) : LumaFilter{false, Interpolation::kLinear};
    predict_angular(filter.smooth_reference ? smoothed() : plain_, wide_mode, filter.interpolation, w, h, dst,
                    dst_stride);
}

void IntraPredictor::predict_cclm(int mode, Sample* dst, std::ptrdiff_t dst_stride) {
    assert(!is_luma(component_) && mode >= kLtCclm && mode <= kTCclm);
    if (!has_cclm_luma_) gather_cclm_luma(context_, block_, cclm_luma_);
    has_cclm_luma_ = true;
    apply_cclm(cclm_luma_, derive_cclm_model(cclm_luma_, plain_, mode, block_), block_, dst, dst_stride);
}

}  // namespace idse::vvc
