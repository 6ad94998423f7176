// From luma QP to chroma QP (clause 7.4.3.4, ChromaQpTable; one table for Cb and Cr).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "../types.h"

namespace idse::vvc {

// The pivots of VTM's all-intra configuration: luma QP -> chroma QP; slope 1 outside.
struct QpPivot {
    int in;
    int out;
};
inline constexpr std::array<QpPivot, 4> kChromaQpPivots = {{{17, 17}, {27, 29}, {32, 34}, {44, 41}}};

class ChromaQpTable {
  public:
    ChromaQpTable();
    // qp: -QpBdOffset..63, as the result. qPCb, qPCr of clause 8.7.1, before pps_cb_qp_offset is added.
    int operator[](int qp) const { return values_[size_t(qp + kQpBdOffset)]; }

    const std::int8_t* data() const { return values_.data(); }  // entry 0 is of QP -QpBdOffset

  private:
    std::array<std::int8_t, 64 + kQpBdOffset> values_;
};

}  // namespace idse::vvc
