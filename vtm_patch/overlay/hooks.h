// The overlay's functions for VTM's types. Included by patched files of VTM only.
#pragma once

#include <cmath>

#include "Picture.h"
#include "Quant.h"
#include "Unit.h"
#include "idse/overlay.h"

namespace idse {
namespace vtm {

inline void start_picture_of(Picture& picture) {
    OriginalPlane planes[3];
    const PelUnitBuf original = picture.getOrigBuf();
    int count = 0;
    for (; count < 3 && count < int(original.bufs.size()); count++) {
        planes[count].samples = original.bufs[count].buf;
        planes[count].stride = original.bufs[count].stride;
        planes[count].height = int(original.bufs[count].height);
        planes[count].sample_size = sizeof(Pel);
    }
    start_picture(planes, count, picture.getPOC());
}

// While it lives the quantiser works with lambda / w of a transform block.
class QuantLambda {
  public:
    QuantLambda(Quant& quant, const TransformUnit& tu, ComponentID component)
        : quant_(quant), lambda_(quant.getLambda()) {
        if (!active()) return;
        const CompArea& area = tu.blocks[component];
        quant_.setLambda(lambda_ *
                         quant_lambda_scale(component, area.x, area.y, int(area.width), int(area.height)));
    }
    ~QuantLambda() { quant_.setLambda(lambda_); }
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
