// One-picture rate control: finds the QP whose picture has the wanted number of bytes.
#pragma once

#include <cstdint>
#include <functional>

namespace idse::vvc {

// A QP in 1/16 steps: the integer part is signalled, the rest moves lambda only.
struct FineQp {
    int sixteenths = 32 * 16;
    int qp() const { return (sixteenths + 8) >> 4; }
    int fine() const { return sixteenths - qp() * 16; }
};

// Calls bytes_at() (a full encode each) until the result is within `tolerance` of target or the neighbours of
// the best QP have been tried; returns the QP whose bytes are nearest to the target. Deterministic.
FineQp find_qp(std::int64_t target_bytes, int start_qp, double tolerance,
               const std::function<std::int64_t(FineQp)>& bytes_at);

}  // namespace idse::vvc
