// Small arithmetic on block sizes.
#pragma once

namespace idse::vvc {

// floor(log2(v)) for v >= 1.
constexpr int log2_of(int v) {
    int n = 0;
    while (v > 1) {
        v >>= 1;
        n++;
    }
    return n;
}

}  // namespace idse::vvc
