#include "choose_scaling_lists.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "../bitstream/scaling_aps.h"
#include "../simd/kernels.h"
#include "../transform/scaling.h"
#include "../weights/fixed_math.h"
#include "fit_scaling_list.h"

namespace idse::vvc {

namespace {

// A coefficient that is coded costs this many bits times the square of log2 of how far its step is from the
// best one. At high rates D ~ step^2 and R ~ -log2(step) give ln 2 = 0.7; measured, anything from 0.5 to 2 is
// as good (weighted error on 6 pictures).
constexpr double kBitsOfMismatch = 1;
// Share of coefficients that 4x4 blocks have.
constexpr double kShareOfSmallest = 0.08;
// NAL unit header, start code, and emulation prevention of an APS.
constexpr int kBitsOfNalUnit = 8 * 5;

// Of lists that are wanted whatever they cost: each entry as near to its best as it can be said.
constexpr double kAnyway = 1e6;

constexpr int kSize = 8;
using Counts = std::array<double, size_t(kSize) * kSize>;

// How many coefficients of each frequency are likely to be coded: those of 8x8 tiles of the source that are
// larger than their step. Prediction leaves about half of them.
Counts count_coded(const Plane& plane, int qp, const FrequencyGains& gains) {
    Counts counts{};
    std::array<std::int32_t, 64> threshold;
    const double step = portable_exp2((qp - 4) / 6.0) * 4;  // 4: the forward transform's scale at 8x8
    for (int i = 0; i < 64; i++)
        threshold[size_t(i)] = std::int32_t(std::min(1e9, step / gains.entry(i % kSize, i / kSize)));
    alignas(64) Residual samples[64];
    alignas(64) Coeff coeffs[64];
    std::array<std::int64_t, 64> found{};
    for (int y = 0; y + kSize <= plane.height(); y += kSize)
        for (int x = 0; x + kSize <= plane.width(); x += kSize) {
            for (int r = 0; r < kSize; r++)
                for (int c = 0; c < kSize; c++)
                    samples[r * kSize + c] = Residual(plane.at(x, y + r)[c] - 512);
            kernels().forward_dct2(samples, kSize, 3, 3, coeffs);
            for (size_t i = 0; i < 64; i++) found[i] += std::abs(coeffs[i]) > threshold[i];
        }
    found[0] = (found[1] + found[kSize]) / 2;  // prediction takes the mean
    for (size_t i = 0; i < 64; i++) counts[i] = 0.5 * double(found[i]);
    return counts;
}

double log2_of_gain(double gain) {
    return 4 - portable_log2(gain);  // factor 16 / gain
}

// What the entries of a plane's list of size 8 or 4 should be.
ScalingListTarget target_of(const FrequencyGains& gains, const Counts& counts, int size) {
    ScalingListTarget t;
    const int bins = kSize / size;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            t.log2_factor.push_back(std::clamp(log2_of_gain(gains.at(x, y, size, size)), 0.0, 7.99));
            double count = 0;
            for (int j = 0; j < bins; j++)
                for (int i = 0; i < bins; i++) count += counts[size_t((y * bins + j) * kSize + x * bins + i)];
            t.worth.push_back(count * kBitsOfMismatch *
                              (size == kSize ? 1 - kShareOfSmallest : kShareOfSmallest));
        }
    return t;
}

// Both targets in one, for planes that share a list.
ScalingListTarget joined(const ScalingListTarget& a, const ScalingListTarget& b) {
    ScalingListTarget t = a;
    for (size_t i = 0; i < a.worth.size(); i++) {
        const double sum = a.worth[i] + b.worth[i];
        t.worth[i] = sum;
        t.log2_factor[i] = sum > 0 ? (a.worth[i] * a.log2_factor[i] + b.worth[i] * b.log2_factor[i]) / sum
                                   : (a.log2_factor[i] + b.log2_factor[i]) / 2;
    }
    return t;
}

// One plane's lists of all sizes from its 8x8 and its 4x4.
void set_plane(ScalingLists& lists, int c, const std::array<std::uint8_t, 64>& eight,
               const std::array<std::uint8_t, 64>& four) {
    for (int log2_side = 2; log2_side <= (c ? 5 : 6); log2_side++) {
        const int id = ScalingLists::id_of(Component(c), log2_side);
        lists.list[size_t(id)] = log2_side == 2 ? four : eight;
        if (id >= kFirstScalingListDc) lists.dc[size_t(id - kFirstScalingListDc)] = eight[0];
    }
}

struct PlaneTargets {
    ScalingListTarget eight, four;
};

double mismatch(const ScalingLists& lists, const std::vector<PlaneTargets>& planes) {
    double sum = 0;
    for (size_t c = 0; c < planes.size(); c++) {
        sum += mismatch(planes[c].eight, lists.list[size_t(ScalingLists::id_of(Component(c), 3))].data());
        sum += mismatch(planes[c].four, lists.list[size_t(ScalingLists::id_of(Component(c), 2))].data());
    }
    return sum;
}

}  // namespace

ScalingLists ScalingListChooser::choose(const Picture& source, const std::vector<FrequencyGains>& gains,
                                        const int (&qp)[3], ScalingListUse use) {
    if (gains.empty() || use == ScalingListUse::kOff) return {};
    std::vector<PlaneTargets> planes;
    for (size_t c = 0; c < gains.size(); c++) {
        Counts counts;
        if (use == ScalingListUse::kOn)
            counts.fill(kAnyway);
        else
            counts = count_coded(source.planes[c], qp[c], gains[c]);
        planes.push_back({target_of(gains[c], counts, 8), target_of(gains[c], counts, 4)});
    }
    const auto fitted = [](const ScalingListTarget& t, int size) {
        std::array<std::uint8_t, 64> entries;
        entries.fill(kFlatScalingFactor);
        fit_scaling_list(t, size, entries);
        return entries;
    };
    std::array<std::uint8_t, 64> flat;
    flat.fill(kFlatScalingFactor);

    // Candidates: luma's lists alone, with one list for both chroma planes, with one for each; the 4x4 flat
    // or not.
    ScalingLists best;
    double least = use == ScalingListUse::kOn ? std::numeric_limits<double>::max() : mismatch(best, planes);
    const bool colour = planes.size() == 3;
    const auto luma = fitted(planes[0].eight, 8), luma_small = fitted(planes[0].four, 4);
    for (int chroma = 0; chroma < (colour ? 3 : 1); chroma++) {
        std::array<std::uint8_t, 64> of[2] = {flat, flat}, small[2] = {flat, flat};
        for (size_t c = 0; chroma > 0 && c < 2; c++) {
            if (chroma == 1 && c == 1) {
                of[1] = of[0], small[1] = small[0];
                break;
            }
            of[c] = fitted(chroma == 1 ? joined(planes[1].eight, planes[2].eight) : planes[c + 1].eight, 8);
            small[c] = fitted(chroma == 1 ? joined(planes[1].four, planes[2].four) : planes[c + 1].four, 4);
        }
        for (const bool with_small : {false, true}) {
            ScalingLists lists;
            set_plane(lists, 0, luma, with_small ? luma_small : flat);
            for (int c = 0; c < (colour ? 2 : 0); c++)
                set_plane(lists, c + 1, of[c], with_small ? small[c] : flat);
            if (lists.is_flat()) continue;
            const double bits = kBitsOfNalUnit + 8.0 * double(scaling_aps_rbsp(lists, colour, 0).size());
            const double cost = bits + mismatch(lists, planes);
            if (cost < least) least = cost, best = lists;
        }
    }
    if (any_sent_ && mismatch(sent_, planes) < least) best = sent_;
    if (!best.is_flat()) {
        sent_ = best;
        any_sent_ = true;
    }
    return best;
}

}  // namespace idse::vvc
