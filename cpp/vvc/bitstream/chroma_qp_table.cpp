#include "chroma_qp_table.h"

#include <algorithm>

namespace idse::vvc {

ChromaQpTable::ChromaQpTable() {
    const auto at = [this](int qp) -> std::int8_t& { return values_[size_t(qp + kQpBdOffset)]; };
    const auto clip = [](int qp) { return std::int8_t(std::clamp(qp, -kQpBdOffset, 63)); };
    const QpPivot& first = kChromaQpPivots.front();
    at(first.in) = std::int8_t(first.out);
    for (int qp = first.in - 1; qp >= -kQpBdOffset; qp--) at(qp) = clip(at(qp + 1) - 1);
    for (size_t i = 1; i < kChromaQpPivots.size(); i++) {
        const QpPivot &from = kChromaQpPivots[i - 1], &to = kChromaQpPivots[i];
        const int run = to.in - from.in;
        for (int m = 1; m <= run; m++)
            at(from.in + m) = std::int8_t(from.out + ((to.out - from.out) * m + (run >> 1)) / run);
    }
    for (int qp = kChromaQpPivots.back().in + 1; qp <= 63; qp++) at(qp) = clip(at(qp - 1) + 1);
}

}  // namespace idse::vvc
