// The weights over frequency of the coefficients of transform blocks, for the quantiser's level choice.
#pragma once

#include <vector>

#include "vvc/weights/frequency_gains.h"

namespace idse {
namespace vtm {

// Of one plane, for every size of a transform block.
class LevelWeights {
  public:
    LevelWeights() = default;
    explicit LevelWeights(const idse::vvc::FrequencyGains& gains);
    // The weight of each coefficient's squared error, row-major, multiples of 2^-12. Sides: 1, 2, 4 .. 64;
    // null for any other.
    const double* of(int w, int h) const;

  private:
    static constexpr int kSides = 7;
    std::vector<double> tables_[kSides][kSides];
};

}  // namespace vtm
}  // namespace idse
