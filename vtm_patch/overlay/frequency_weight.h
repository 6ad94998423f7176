// The weight over frequency of one coefficient, in the overlay's integers.
#pragma once

#include <algorithm>
#include <cmath>

#include "vvc/rd_types.h"
#include "vvc/weights/frequency_gains.h"

namespace idse {
namespace vtm {

// Of the squared error of coefficient (x, y) of a w x h block: the square of its gain, in units of 2^-12, at
// least 1.
inline unsigned frequency_weight(const idse::vvc::FrequencyGains& gains, int x, int y, int w, int h) {
    const double gain = gains.at(x, y, w, h);
    return unsigned(std::max(1L, std::lround(gain * gain * double(1 << idse::vvc::kWeightShift))));
}

}  // namespace vtm
}  // namespace idse
