#include "fit_scaling_list.h"

#include <algorithm>
#include <limits>

#include "../bitstream/scaling_list.h"
#include "../weights/fixed_math.h"

namespace idse::vvc {

namespace {

int bits_of_difference(int d) {  // se(v)
    const unsigned code = d > 0 ? 2u * unsigned(d) : 2u * unsigned(-d) + 1;
    int bits = 0;
    while (code >> (bits + 1)) bits++;
    return 2 * bits + 1;
}

// Values that entries may take: all between the least and the greatest wanted, thinned out where there are
// many so that neighbours differ by 6 % at least.
std::vector<int> candidates(const ScalingListTarget& t) {
    double low = 4, high = 4;
    for (const double v : t.log2_factor) {
        low = std::min(low, v);
        high = std::max(high, v);
    }
    const int first = std::max(1, int(portable_exp2(low))),
              last = std::min(255, int(portable_exp2(high)) + 1);
    std::vector<int> values;
    for (int v = first; v <= last; v++)
        if (values.empty() || v == kFlatScalingFactor || v == last || 16 * v >= 17 * values.back())
            values.push_back(v);
    return values;
}

}  // namespace

double mismatch(const ScalingListTarget& t, const std::uint8_t* entries) {
    double sum = 0;
    for (size_t i = 0; i < t.worth.size(); i++) {
        const double d = portable_log2(entries[i]) - t.log2_factor[i];
        sum += t.worth[i] * d * d;
    }
    return sum;
}

// The entries of least mismatch and bits together: a shortest path through the values of each position in
// coding order, from the flat list's 16 on.
void fit_scaling_list(const ScalingListTarget& t, int size, std::array<std::uint8_t, 64>& entries) {
    const std::vector<int> value = candidates(t);
    const int values = int(value.size());
    std::vector<int> order;
    for (int diagonal = 0; diagonal < 2 * size - 1; diagonal++)
        for (int y = std::min(diagonal, size - 1); y >= 0 && diagonal - y < size; y--)
            order.push_back(y * size + diagonal - y);
    std::vector<double> bits(size_t(2 * 256));
    for (int d = -255; d <= 255; d++) bits[size_t(d + 256)] = bits_of_difference(d);
    std::vector<double> logs(static_cast<size_t>(values));
    for (int v = 0; v < values; v++) logs[size_t(v)] = portable_log2(value[size_t(v)]);

    std::vector<double> cost(static_cast<size_t>(values)), next(cost);
    std::vector<std::vector<std::uint8_t>> from(order.size(), std::vector<std::uint8_t>(size_t(values)));
    for (size_t n = 0; n < order.size(); n++) {
        const size_t i = size_t(order[n]);
        for (int v = 0; v < values; v++) {
            double best = std::numeric_limits<double>::max();
            int best_from = 0;
            if (n == 0) {
                best = bits[size_t(value[size_t(v)] - kFlatScalingFactor + 256)];
            } else {
                for (int u = 0; u < values; u++) {
                    const double c =
                        cost[size_t(u)] + bits[size_t(value[size_t(v)] - value[size_t(u)] + 256)];
                    if (c < best) best = c, best_from = u;
                }
            }
            const double d = logs[size_t(v)] - t.log2_factor[i];
            next[size_t(v)] = best + t.worth[i] * d * d;
            from[n][size_t(v)] = std::uint8_t(best_from);
        }
        cost.swap(next);
    }
    int v = int(std::min_element(cost.begin(), cost.end()) - cost.begin());
    for (size_t n = order.size(); n-- > 0;) {
        entries[size_t(order[n])] = std::uint8_t(value[size_t(v)]);
        v = from[n][size_t(v)];
    }
}

}  // namespace idse::vvc
