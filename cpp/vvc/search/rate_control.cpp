#include "rate_control.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "../weights/fixed_math.h"

namespace idse::vvc {

FineQp find_qp(std::int64_t target_bytes, int start_qp, double tolerance,
               const std::function<std::int64_t(FineQp)>& bytes_at) {
    // Invariant: bytes(low) > target >= bytes(high), low and high in sixteenths of a QP, exclusive bounds at
    // first.
    int low = -1, high = 63 * 16 + 1;
    double low_log = 0, high_log = 0;
    bool low_known = false, high_known = false;
    const double target_log = portable_log2(double(std::max<std::int64_t>(target_bytes, 1)));
    // About half the bytes for every 6 QP until two points are known.
    double slope = -1.0 / (6 * 16);

    FineQp best;
    std::int64_t best_error = std::numeric_limits<std::int64_t>::max();
    int at = std::clamp(start_qp * 16, 0, 63 * 16);
    for (int round = 0; round < 14; round++) {
        const FineQp qp{at};
        const std::int64_t bytes = bytes_at(qp);
        const std::int64_t error = std::llabs(bytes - target_bytes);
        if (error < best_error) {
            best_error = error;
            best = qp;
        }
        if (double(error) <= tolerance * double(target_bytes)) break;
        const double log_bytes = portable_log2(double(bytes));
        if (bytes > target_bytes) {
            low = at;
            low_log = log_bytes;
            low_known = true;
        } else {
            high = at;
            high_log = log_bytes;
            high_known = true;
        }
        if (high - low <= 1) break;
        if (low_known && high_known && high_log < low_log) slope = (high_log - low_log) / (high - low);
        const int anchor = bytes > target_bytes ? low : high;
        int next = anchor + int(std::max(-500.0, std::min(500.0, (target_log - log_bytes) / slope)));
        // Interpolation that crawls along one side is replaced by bisection every third round.
        if (round % 3 == 2 && low_known && high_known) next = (low + high) / 2;
        at = std::clamp(next, low + 1, high - 1);
        at = std::clamp(at, 0, 63 * 16);
    }
    return best;
}

}  // namespace idse::vvc
