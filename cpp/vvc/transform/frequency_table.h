// What weights over frequency mean for the coefficients of one transform size.
#pragma once

#include <cstdint>
#include <vector>

#include "../bitstream/scaling_list.h"
#include "../rd_types.h"
#include "../types.h"
#include "../weights/frequency_gains.h"

namespace idse::vvc {

// All tables are row-major, of width * height.
struct FrequencyTable {
    std::vector<std::uint32_t> weights;  // Weight::fx of each coefficient's squared error
    Weight mean;                         // of them: the weight of an error without direction in frequency
    Weight uncoded;  // the mean of the frequencies that blocks with sides of 64 do not code
    // The quantiser's side, in units in which its steps are those of a flat list.
    std::vector<std::uint8_t> factors;        // m of clause 8.7.3; empty: flat
    std::vector<std::int32_t> to_flat;        // 16 / m, 2^-kToFlatShift; empty: flat
    std::vector<std::uint32_t> flat_weights;  // Weight::fx of squared errors in those units

    static constexpr int kToFlatShift = 16;
};

// The tables of all sizes of a picture's planes; empty without a profile.
class FrequencyTables {
  public:
    FrequencyTables() = default;
    // lists: null for flat ones.
    FrequencyTables(const FrequencyGains* gains, int planes, const ScalingLists* lists);

    bool empty() const { return tables_.empty(); }
    // log2 of the sides: 2..6.
    const FrequencyTable& of(Component component, int log2_w, int log2_h) const {
        return tables_[size_t((int(component) * 5 + log2_w - 2) * 5 + log2_h - 2)];
    }

  private:
    std::vector<FrequencyTable> tables_;
};

// sum of weight * error^2 over the coefficients of a block as forward_dct2() gives them, in Distortion units;
// the error is coeffs - recon. sse: for sides of 64, the squared error of the whole block in
// samples: what the coded frequencies do not have of it is of the others.
Distortion frequency_distortion(const FrequencyTable& table, int log2_w, int log2_h, const Coeff* coeffs,
                                const Coeff* recon, std::int64_t sse);

}  // namespace idse::vvc
