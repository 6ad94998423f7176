// The overlay's functions for VTM's types. Included by patched files of VTM only.
#pragma once

#include <cmath>

#include "Picture.h"
#include "Quant.h"
#include "Unit.h"
#include "idse/overlay.h"

namespace idse {
namespace vtm {

// Adds the planes of one of a picture's originals; a picture without it adds none.
inline int add_planes(const PelUnitBuf& original, OriginalPlane* planes, int count) {
    for (int c = 0; c < 3 && c < int(original.bufs.size()) && original.bufs[c].buf; c++, count++) {
        planes[count].component = c;
        planes[count].samples = original.bufs[c].buf;
        planes[count].stride = original.bufs[c].stride;
        planes[count].height = int(original.bufs[c].height);
        planes[count].sample_size = sizeof(Pel);
    }
    return count;
}

inline void start_picture_of(Picture& picture) {
    OriginalPlane planes[kMaxPlanes];
    int count = add_planes(picture.getOrigBuf(), planes, 0);
    count = add_planes(picture.getTrueOrigBuf(), planes, count);
    start_picture(planes, count, picture.getPOC());
}

// While it lives the quantiser works with lambda / w of a transform block, and where `dct` says that its
// coefficients are those of a DCT-II, with their weights over frequency.
class QuantLambda {
  public:
    QuantLambda(Quant& quant, const TransformUnit& tu, ComponentID component, bool dct)
        : quant_(quant), lambda_(quant.getLambda()) {
        if (!active()) return;
        const CompArea& area = tu.blocks[component];
        if (dct) current_level_weights() = level_weights(component, int(area.width), int(area.height));
        quant_.setLambda(lambda_ *
                         quant_lambda_scale(component, area.x, area.y, int(area.width), int(area.height)));
    }
    ~QuantLambda() {
        quant_.setLambda(lambda_);
        current_level_weights() = nullptr;
    }
    QuantLambda(const QuantLambda&) = delete;
    QuantLambda& operator=(const QuantLambda&) = delete;

  private:
    Quant& quant_;
    const double lambda_;
};

// Weighs the statistics of one SAO type when it goes out of scope.
template <class Statistics>
class SaoWeight {
  public:
    SaoWeight(Statistics& statistics, ComponentID component, const Pel* org, int w, int h)
        : statistics_(statistics), weight_(active() ? sao_weight(component, org, w, h) : 1) {}
    ~SaoWeight() {
        if (weight_ == 1) return;
        for (auto& value : statistics_.diff) value = scaled(value);
        for (auto& value : statistics_.count) value = scaled(value);
    }
    SaoWeight(const SaoWeight&) = delete;
    SaoWeight& operator=(const SaoWeight&) = delete;

  private:
    int64_t scaled(int64_t value) const { return int64_t(std::floor(double(value) * weight_ + 0.5)); }

    Statistics& statistics_;
    const double weight_;
};

}  // namespace vtm
}  // namespace idse
