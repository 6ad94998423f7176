#include "deblock_filters.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "deblock_tables.h"

namespace idse::vvc {

namespace {

// Values on one line across the edge, read before anything is changed: p[i], q[i] count away from the edge.
struct Line {
    Line(Sample* q0, std::ptrdiff_t step) : q0_(q0), step_(step) {}
    int p(int i) const { return q0_[-(i + 1) * step_]; }
    int q(int i) const { return q0_[i * step_]; }
    void set_p(int i, int value) const { q0_[-(i + 1) * step_] = Sample(value); }
    void set_q(int i, int value) const { q0_[i * step_] = Sample(value); }

  private:
    Sample* q0_;
    std::ptrdiff_t step_;
};

int clip_near(int value, int centre, int range) {
    return std::clamp(value, centre - range, centre + range);
}

int clip_sample(int value) {
    return std::clamp(value, 0, kMaxSample);
}

int second_difference(int a, int b, int c) {
    return std::abs(a - 2 * b + c);
}

int curvature_p(const Line& s, int first = 0) {
    return second_difference(s.p(first), s.p(first + 1), s.p(first + 2));
}

int curvature_q(const Line& s, int first = 0) {
    return second_difference(s.q(first), s.q(first + 1), s.q(first + 2));
}

bool step_is_small(const Line& s, int tc) {
    return std::abs(s.p(0) - s.q(0)) < ((5 * tc + 1) >> 1);
}

// Decision for the strong filter of 3 samples a side; dpq is the sum of both curvatures.
bool wants_strong(const Line& s, int dpq, const EdgeThresholds& t) {
    const int flatness = std::abs(s.p(3) - s.p(0)) + std::abs(s.q(0) - s.q(3));
    return 2 * dpq < (t.beta >> 2) && flatness < (t.beta >> 3) && step_is_small(s, t.tc);
}

// The same where a side is large (7 samples may change).
bool wants_long(const Line& s, int dpq, const EdgeThresholds& t, LumaFilterLengths lengths) {
    int flat_p = std::abs(s.p(3) - s.p(0));
    if (lengths.p == 7) {
        flat_p += std::abs(s.p(4) - s.p(5) - s.p(6) + s.p(7));
        flat_p = (flat_p + std::abs(s.p(3) - s.p(7)) + 1) >> 1;
    }
    int flat_q = std::abs(s.q(0) - s.q(3));
    if (lengths.q == 7) {
        flat_q += std::abs(s.q(4) - s.q(5) - s.q(6) + s.q(7));
        flat_q = (flat_q + std::abs(s.q(7) - s.q(3)) + 1) >> 1;
    }
    return 2 * dpq < (t.beta >> 4) && flat_p + flat_q < ((3 * t.beta) >> 5) && step_is_small(s, t.tc);
}

// One line of the long filter: samples are blended between a value in the middle and one at each far end.
void filter_long(const Line& s, int tc, LumaFilterLengths lengths) {
    static constexpr std::array<int, 7> kBlend7 = {59, 50, 41, 32, 23, 14, 5};
    static constexpr std::array<int, 3> kBlend3 = {53, 32, 11};
    static constexpr std::array<int, 7> kRange7 = {6, 5, 4, 3, 2, 1, 1};  // tcPD, tcQD, halves of tC
    static constexpr std::array<int, 3> kRange3 = {6, 4, 2};

    int middle = 0;
    if (lengths.p == 7 && lengths.q == 7) {
        middle = s.p(0) + s.q(0) + 8;
        for (int i = 0; i < 7; i++) middle += s.p(i) + s.q(i);
    } else {
        // Seven samples of the large side against three of the other, the latter weighted to the same sum.
        const bool large_p = lengths.p == 7;
        const auto large = [&](int i) { return large_p ? s.p(i) : s.q(i); };
        const auto small = [&](int i) { return large_p ? s.q(i) : s.p(i); };
        middle = 3 * small(0) + 3 * small(1) + 2 * small(2) + large(0) + 8;
        for (int i = 0; i < 7; i++) middle += large(i);
    }
    middle >>= 4;
    const int end_p = (s.p(lengths.p - 1) + s.p(lengths.p) + 1) >> 1;
    const int end_q = (s.q(lengths.q - 1) + s.q(lengths.q) + 1) >> 1;
    const auto blend = [&](int length, int i, int end) {
        const int weight = length == 7 ? kBlend7[size_t(i)] : kBlend3[size_t(i)];
        return (middle * weight + end * (64 - weight) + 32) >> 6;
    };
    const auto range = [&](int length, int i) {
        return (tc * (length == 7 ? kRange7[size_t(i)] : kRange3[size_t(i)])) >> 1;
    };
    for (int i = 0; i < lengths.p; i++)
        s.set_p(i, clip_near(blend(lengths.p, i, end_p), s.p(i), range(lengths.p, i)));
    for (int i = 0; i < lengths.q; i++)
        s.set_q(i, clip_near(blend(lengths.q, i, end_q), s.q(i), range(lengths.q, i)));
}

void filter_strong(const Line& s, int tc) {
    const int p0 = s.p(0), p1 = s.p(1), p2 = s.p(2), p3 = s.p(3);
    const int q0 = s.q(0), q1 = s.q(1), q2 = s.q(2), q3 = s.q(3);
    s.set_p(0, clip_near((p2 + 2 * p1 + 2 * p0 + 2 * q0 + q1 + 4) >> 3, p0, 3 * tc));
    s.set_p(1, clip_near((p2 + p1 + p0 + q0 + 2) >> 2, p1, 2 * tc));
    s.set_p(2, clip_near((2 * p3 + 3 * p2 + p1 + p0 + q0 + 4) >> 3, p2, tc));
    s.set_q(0, clip_near((p1 + 2 * p0 + 2 * q0 + 2 * q1 + q2 + 4) >> 3, q0, 3 * tc));
    s.set_q(1, clip_near((p0 + q0 + q1 + q2 + 2) >> 2, q1, 2 * tc));
    s.set_q(2, clip_near((p0 + q0 + q1 + 3 * q2 + 2 * q3 + 4) >> 3, q2, tc));
}

// second_p, second_q: whether p1 and q1 change too (dEp, dEq).
void filter_weak(const Line& s, int tc, bool second_p, bool second_q) {
    const int p0 = s.p(0), p1 = s.p(1);
    const int q0 = s.q(0), q1 = s.q(1);
    int delta = (9 * (q0 - p0) - 3 * (q1 - p1) + 8) >> 4;
    if (std::abs(delta) >= 10 * tc) return;  // a natural edge
    delta = std::clamp(delta, -tc, tc);
    const int half = tc >> 1;
    if (second_p) {
        const int change = std::clamp((((s.p(2) + p0 + 1) >> 1) - p1 + delta) >> 1, -half, half);
        s.set_p(1, clip_sample(p1 + change));
    }
    if (second_q) {
        const int change = std::clamp((((s.q(2) + q0 + 1) >> 1) - q1 - delta) >> 1, -half, half);
        s.set_q(1, clip_sample(q1 + change));
    }
    s.set_p(0, clip_sample(p0 + delta));
    s.set_q(0, clip_sample(q0 - delta));
}

// Tries the long filter; false: the ordinary decisions apply.
bool try_long_filter(Sample* q0, std::ptrdiff_t across, std::ptrdiff_t along, const EdgeThresholds& t,
                     LumaFilterLengths lengths) {
    const auto curvature = [&](const Line& s) {
        int dp = curvature_p(s);
        int dq = curvature_q(s);
        if (lengths.p == 7) dp = (dp + curvature_p(s, 3) + 1) >> 1;
        if (lengths.q == 7) dq = (dq + curvature_q(s, 3) + 1) >> 1;
        return dp + dq;
    };
    const Line line0(q0, across);
    const Line line3(q0 + 3 * along, across);
    const int d0 = curvature(line0);
    const int d3 = curvature(line3);
    if (d0 + d3 >= t.beta || !wants_long(line0, d0, t, lengths) || !wants_long(line3, d3, t, lengths))
        return false;
    for (int i = 0; i < 4; i++) filter_long(Line(q0 + i * along, across), t.tc, lengths);
    return true;
}

void filter_chroma_strong(const Line& s, int tc) {
    const int p0 = s.p(0), p1 = s.p(1), p2 = s.p(2), p3 = s.p(3);
    const int q0 = s.q(0), q1 = s.q(1), q2 = s.q(2), q3 = s.q(3);
    s.set_p(0, clip_near((p3 + p2 + p1 + 2 * p0 + q0 + q1 + q2 + 4) >> 3, p0, tc));
    s.set_p(1, clip_near((2 * p3 + p2 + 2 * p1 + p0 + q0 + q1 + 4) >> 3, p1, tc));
    s.set_p(2, clip_near((3 * p3 + 2 * p2 + p1 + p0 + q0 + 4) >> 3, p2, tc));
    s.set_q(0, clip_near((p2 + p1 + p0 + 2 * q0 + q1 + q2 + q3 + 4) >> 3, q0, tc));
    s.set_q(1, clip_near((p1 + p0 + q0 + 2 * q1 + q2 + 2 * q3 + 4) >> 3, q1, tc));
    s.set_q(2, clip_near((p0 + q0 + q1 + 2 * q2 + 3 * q3 + 4) >> 3, q2, tc));
}

// The strong chroma filter with only p0, p1 known above: p1 stands for p2 and p3.
void filter_chroma_strong_short_p(const Line& s, int tc) {
    const int p0 = s.p(0), p1 = s.p(1);
    const int q0 = s.q(0), q1 = s.q(1), q2 = s.q(2), q3 = s.q(3);
    s.set_p(0, clip_near((3 * p1 + 2 * p0 + q0 + q1 + q2 + 4) >> 3, p0, tc));
    s.set_q(0, clip_near((2 * p1 + p0 + 2 * q0 + q1 + q2 + q3 + 4) >> 3, q0, tc));
    s.set_q(1, clip_near((p1 + p0 + q0 + 2 * q1 + q2 + 2 * q3 + 4) >> 3, q1, tc));
    s.set_q(2, clip_near((p0 + q0 + q1 + 2 * q2 + 3 * q3 + 4) >> 3, q2, tc));
}

void filter_chroma_weak(const Line& s, int tc) {
    const int p0 = s.p(0);
    const int q0 = s.q(0);
    const int delta = std::clamp((4 * (q0 - p0) + s.p(1) - s.q(1) + 4) >> 3, -tc, tc);
    s.set_p(0, clip_sample(p0 + delta));
    s.set_q(0, clip_sample(q0 - delta));
}

bool wants_chroma_strong(const Line& line0, const Line& line1, const EdgeThresholds& t, bool short_p) {
    // With a short P side p1 stands for p2 and p3.
    const auto curvature = [&](const Line& s) {
        const int dp = short_p ? second_difference(s.p(0), s.p(1), s.p(1)) : curvature_p(s);
        return dp + curvature_q(s);
    };
    const auto strong = [&](const Line& s, int dpq) {
        const int flatness = std::abs(s.p(short_p ? 1 : 3) - s.p(0)) + std::abs(s.q(0) - s.q(3));
        return 2 * dpq < (t.beta >> 2) && flatness < (t.beta >> 3) && step_is_small(s, t.tc);
    };
    const int d0 = curvature(line0);
    const int d1 = curvature(line1);
    return d0 + d1 < t.beta && strong(line0, d0) && strong(line1, d1);
}

}  // namespace

EdgeThresholds edge_thresholds(int qp, int beta_offset_div2, int tc_offset_div2) {
    // bS is 2 everywhere in an intra picture: tC is read 2 * (bS - 1) further on. tC' is stated for 10 bits,
    // beta' for 8.
    static_assert(kBitDepth == 10, "tC of other bit depths is rounded down from 10 bits");
    const int q_beta = std::clamp(qp + 2 * beta_offset_div2, 0, int(kBetaTable.size()) - 1);
    const int q_tc = std::clamp(qp + 2 + 2 * tc_offset_div2, 0, int(kTcTable.size()) - 1);
    return {kBetaTable[size_t(q_beta)] << (kBitDepth - 8), kTcTable[size_t(q_tc)]};
}

void filter_luma_edge(Sample* q0, std::ptrdiff_t across, std::ptrdiff_t along, const EdgeThresholds& t,
                      LumaFilterLengths lengths) {
    if (t.tc == 0 || t.beta == 0) return;  // every decision below fails or changes nothing
    if ((lengths.p == 7 || lengths.q == 7) && try_long_filter(q0, across, along, t, lengths)) return;

    const Line line0(q0, across);
    const Line line3(q0 + 3 * along, across);
    const int dp0 = curvature_p(line0), dp3 = curvature_p(line3);
    const int dq0 = curvature_q(line0), dq3 = curvature_q(line3);
    if (dp0 + dq0 + dp3 + dq3 >= t.beta) return;
    const bool more_than_one = lengths.p > 1 && lengths.q > 1;
    if (more_than_one && wants_strong(line0, dp0 + dq0, t) && wants_strong(line3, dp3 + dq3, t)) {
        for (int i = 0; i < 4; i++) filter_strong(Line(q0 + i * along, across), t.tc);
        return;
    }
    const int side_threshold = (t.beta + (t.beta >> 1)) >> 3;
    const bool second_p = more_than_one && dp0 + dp3 < side_threshold;
    const bool second_q = more_than_one && dq0 + dq3 < side_threshold;
    for (int i = 0; i < 4; i++) filter_weak(Line(q0 + i * along, across), t.tc, second_p, second_q);
}

void filter_chroma_edge(Sample* q0, std::ptrdiff_t across, std::ptrdiff_t along, const EdgeThresholds& t,
                        bool large, bool short_p) {
    if (t.tc == 0) return;
    const Line line0(q0, across);
    const Line line1(q0 + along, across);
    if (!large || !wants_chroma_strong(line0, line1, t, short_p)) {
        filter_chroma_weak(line0, t.tc);
        filter_chroma_weak(line1, t.tc);
    } else if (short_p) {
        filter_chroma_strong_short_p(line0, t.tc);
        filter_chroma_strong_short_p(line1, t.tc);
    } else {
        filter_chroma_strong(line0, t.tc);
        filter_chroma_strong(line1, t.tc);
    }
}

}  // namespace idse::vvc
