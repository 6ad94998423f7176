// Deblocking against clause 8.8.3 written out with its own names, and simple properties.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>

#include "check.h"
#include "vvc/filter/deblock.h"
#include "vvc/filter/deblock_tables.h"

using namespace idse::vvc;

namespace {

using Rng = std::mt19937;

int draw(Rng& rng, int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(rng);
}

// Splits an area at random (quadtree, binary, ternary) and records the blocks.
void partition(Rng& rng, BlockGrid& grid, const Block& area, int min_side, int base_qp) {
    const int w = area.w, h = area.h;
    if (area.x >= grid.cols() * 4 || area.y >= grid.rows() * 4) return;
    const bool crosses = area.x + w > grid.cols() * 4 || area.y + h > grid.rows() * 4;
    const int what = crosses ? 1 : draw(rng, 0, 5);
    const auto sub = [&](int x, int y, int sw, int sh) {
        partition(rng, grid, {area.x + x, area.y + y, sw, sh}, min_side, base_qp);
    };
    if (what == 1 && w > min_side && h > min_side) {
        for (int i = 0; i < 4; i++) sub((i & 1) * w / 2, (i >> 1) * h / 2, w / 2, h / 2);
    } else if (what == 2 && w > min_side) {
        sub(0, 0, w / 2, h), sub(w / 2, 0, w / 2, h);
    } else if (what == 3 && h > min_side) {
        sub(0, 0, w, h / 2), sub(0, h / 2, w, h / 2);
    } else if (what == 4 && w > 2 * min_side) {
        sub(0, 0, w / 4, h), sub(w / 4, 0, w / 2, h), sub(3 * w / 4, 0, w / 4, h);
    } else if (what == 5 && h > 2 * min_side) {
        sub(0, 0, w, h / 4), sub(0, h / 4, w, h / 2), sub(0, 3 * h / 4, w, h / 4);
    } else {
        BlockInfo info;
        info.x0 = std::uint16_t(area.x), info.y0 = std::uint16_t(area.y);
        while ((1 << info.log2_w) < w) info.log2_w++;
        while ((1 << info.log2_h) < h) info.log2_h++;
        info.qp = std::int8_t(std::clamp(base_qp + draw(rng, -6, 6), 0, 63));
        grid.fill(area, info);
    }
}

BlockGrid random_grid(Rng& rng, int width, int height, int ctu, int min_side, int base_qp) {
    BlockGrid grid(width, height);
    for (int y = 0; y < height; y += ctu)
        for (int x = 0; x < width; x += ctu) partition(rng, grid, {x, y, ctu, ctu}, min_side, base_qp);
    return grid;
}

// One segment of an edge: p[k][i], q[k][i] are line k, i samples away.
struct Segment {
    int lines = 4;
    std::array<std::array<int, 8>, 4> p{}, q{};
};

int clip3(int low, int high, int v) {
    return v < low ? low : v > high ? high : v;
}

void slow_luma(Segment& s, int qp, int max_p, int max_q, int beta_div2, int tc_div2) {
    const int beta = kBetaTable.at(size_t(clip3(0, 63, qp + beta_div2 * 2))) * 4;
    const int tc = kTcTable.at(size_t(clip3(0, 65, qp + 2 + tc_div2 * 2)));
    const auto d2 = [](const std::array<int, 8>& v, int i) {
        return std::abs(v[size_t(i) + 2] - 2 * v[size_t(i) + 1] + v[size_t(i)]);
    };
    const int dp0 = d2(s.p[0], 0), dp3 = d2(s.p[3], 0), dq0 = d2(s.q[0], 0), dq3 = d2(s.q[3], 0);
    const bool side_p = max_p == 7, side_q = max_q == 7;
    int de = 0, dep = 0, deq = 0;
    const auto decision = [&](int k, int dpq, bool lp, bool lq) {
        const auto &p = s.p[size_t(k)], &q = s.q[size_t(k)];
        int sp = std::abs(p[3] - p[0]), sq = std::abs(q[0] - q[3]);
        if (lp) sp = (sp + std::abs(p[7] - p[6] - p[5] + p[4]) + std::abs(p[3] - p[7]) + 1) >> 1;
        if (lq) sq = (sq + std::abs(q[4] - q[5] - q[6] + q[7]) + std::abs(q[3] - q[7]) + 1) >> 1;
        const int thr1 = lp || lq ? (3 * beta) >> 5 : beta >> 3, thr2 = lp || lq ? beta >> 4 : beta >> 2;
        return dpq < thr2 && sp + sq < thr1 && std::abs(p[0] - q[0]) < ((5 * tc + 1) >> 1);
    };
    bool use_long = false;
    if (side_p || side_q) {
        const int p0 = side_p ? (dp0 + d2(s.p[0], 3) + 1) >> 1 : dp0,
                  p3 = side_p ? (dp3 + d2(s.p[3], 3) + 1) >> 1 : dp3;
        const int q0 = side_q ? (dq0 + d2(s.q[0], 3) + 1) >> 1 : dq0,
                  q3 = side_q ? (dq3 + d2(s.q[3], 3) + 1) >> 1 : dq3;
        use_long = p0 + q0 + p3 + q3 < beta && decision(0, 2 * (p0 + q0), side_p, side_q) &&
                   decision(3, 2 * (p3 + q3), side_p, side_q);
    }
    if (!use_long && dp0 + dq0 + dp3 + dq3 < beta) {
        de = 1;
        const bool wide = max_p > 2 && max_q > 2;
        if (wide && decision(0, 2 * (dp0 + dq0), false, false) && decision(3, 2 * (dp3 + dq3), false, false))
            de = 2;
        if (wide && dp0 + dp3 < (beta + (beta >> 1)) >> 3) dep = 1;
        if (wide && dq0 + dq3 < (beta + (beta >> 1)) >> 3) deq = 1;
    }
    for (size_t k = 0; k < 4; k++) {
        const std::array<int, 8> p = s.p[k], q = s.q[k];
        if (use_long) {
            static const int f7[7] = {59, 50, 41, 32, 23, 14, 5}, f3[3] = {53, 32, 11};
            static const int t7[7] = {6, 5, 4, 3, 2, 1, 1}, t3[3] = {6, 4, 2};
            int mid = 8;
            for (size_t i = 0; i < 7; i++) mid += (side_p ? p[i] : 0) + (side_q ? q[i] : 0);
            mid += (side_p ? p[0] : 0) + (side_q ? q[0] : 0);
            const int w3[3] = {3, 3, 2};
            for (size_t i = 0; i < 3; i++) mid += w3[i] * ((side_p ? 0 : p[i]) + (side_q ? 0 : q[i]));
            mid >>= 4;
            const int rp = side_p ? (p[6] + p[7] + 1) >> 1 : (p[2] + p[3] + 1) >> 1;
            const int rq = side_q ? (q[6] + q[7] + 1) >> 1 : (q[2] + q[3] + 1) >> 1;
            for (size_t i = 0; i < size_t(max_p); i++) {
                const int f = side_p ? f7[i] : f3[i], t = (tc * (side_p ? t7[i] : t3[i])) >> 1;
                s.p[k][i] = clip3(p[i] - t, p[i] + t, (mid * f + rp * (64 - f) + 32) >> 6);
            }
            for (size_t i = 0; i < size_t(max_q); i++) {
                const int f = side_q ? f7[i] : f3[i], t = (tc * (side_q ? t7[i] : t3[i])) >> 1;
                s.q[k][i] = clip3(q[i] - t, q[i] + t, (mid * f + rq * (64 - f) + 32) >> 6);
            }
        } else if (de == 2) {
            s.p[k][0] =
                clip3(p[0] - 3 * tc, p[0] + 3 * tc, (p[2] + 2 * p[1] + 2 * p[0] + 2 * q[0] + q[1] + 4) >> 3);
            s.p[k][1] = clip3(p[1] - 2 * tc, p[1] + 2 * tc, (p[2] + p[1] + p[0] + q[0] + 2) >> 2);
            s.p[k][2] = clip3(p[2] - tc, p[2] + tc, (2 * p[3] + 3 * p[2] + p[1] + p[0] + q[0] + 4) >> 3);
            s.q[k][0] =
                clip3(q[0] - 3 * tc, q[0] + 3 * tc, (p[1] + 2 * p[0] + 2 * q[0] + 2 * q[1] + q[2] + 4) >> 3);
            s.q[k][1] = clip3(q[1] - 2 * tc, q[1] + 2 * tc, (p[0] + q[0] + q[1] + q[2] + 2) >> 2);
            s.q[k][2] = clip3(q[2] - tc, q[2] + tc, (p[0] + q[0] + q[1] + 3 * q[2] + 2 * q[3] + 4) >> 3);
        } else if (de == 1) {
            int delta = (9 * (q[0] - p[0]) - 3 * (q[1] - p[1]) + 8) >> 4;
            if (std::abs(delta) >= tc * 10) continue;
            delta = clip3(-tc, tc, delta);
            s.p[k][0] = clip3(0, 1023, p[0] + delta);
            s.q[k][0] = clip3(0, 1023, q[0] - delta);
            const int dp = clip3(-(tc >> 1), tc >> 1, (((p[2] + p[0] + 1) >> 1) - p[1] + delta) >> 1);
            const int dq = clip3(-(tc >> 1), tc >> 1, (((q[2] + q[0] + 1) >> 1) - q[1] - delta) >> 1);
            if (dep) s.p[k][1] = clip3(0, 1023, p[1] + dp);
            if (deq) s.q[k][1] = clip3(0, 1023, q[1] + dq);
        }
    }
}

void slow_chroma(Segment& s, int qp, bool large, bool ctb_row, int beta_div2, int tc_div2) {
    const int beta = kBetaTable.at(size_t(clip3(0, 63, qp + beta_div2 * 2))) * 4;
    const int tc = kTcTable.at(size_t(clip3(0, 65, qp + 2 + tc_div2 * 2)));
    bool strong = large;
    int d = 0;
    for (size_t k = 0; k < 2; k++) {
        auto& p = s.p[k];
        const auto& q = s.q[k];
        if (ctb_row) p[2] = p[3] = p[1];  // maxFilterLengthP 1: rows further up are not read
        const int dpq = std::abs(p[2] - 2 * p[1] + p[0]) + std::abs(q[2] - 2 * q[1] + q[0]);
        d += dpq;
        strong = strong && 2 * dpq < beta >> 2 && std::abs(p[3] - p[0]) + std::abs(q[0] - q[3]) < beta >> 3 &&
                 std::abs(p[0] - q[0]) < (5 * tc + 1) >> 1;
    }
    strong = strong && d < beta;
    for (size_t k = 0; k < 2; k++) {
        const std::array<int, 8> p = s.p[k], q = s.q[k];
        if (!strong) {
            const int delta = clip3(-tc, tc, (((q[0] - p[0]) * 4) + p[1] - q[1] + 4) >> 3);
            s.p[k][0] = clip3(0, 1023, p[0] + delta);
            s.q[k][0] = clip3(0, 1023, q[0] - delta);
            continue;
        }
        // Seven taps of 1 plus one at the sample itself, over the line with its ends repeated.
        const auto at = [&](int i) {
            return i < 0 ? p[size_t(std::min(-i - 1, 3))] : q[size_t(std::min(i, 3))];
        };
        for (int i = -3; i <= 2; i++) {
            int sum = 4 + at(i);
            for (int j = i - 3; j <= i + 3; j++) sum += at(j);
            const int v = clip3(at(i) - tc, at(i) + tc, sum >> 3);
            (i < 0 ? s.p[k][size_t(-i - 1)] : s.q[k][size_t(i)]) = v;
        }
    }
}

// All edges of one direction; reads from `in`, writes to `out`: the edges must not influence each other.
void slow_direction(const Picture& in, Picture& out, const BlockGrid& luma, const BlockGrid& chroma,
                    const DeblockParams& params, bool vertical) {
    for (int c = 0; c < 3; c++) {
        const int sub = c == 0 ? 1 : 2, lines = 4 / sub;
        const Plane& src = in.planes[size_t(c)];
        Plane& dst = out.planes[size_t(c)];
        const BlockGrid& grid = c == 0 ? luma : chroma;
        for (int y = 0; y < src.height(); y += vertical ? lines : 4) {
            for (int x = 0; x < src.width(); x += vertical ? 4 : lines) {
                const int pos = vertical ? x : y;
                if (pos == 0 || pos % (c == 0 ? 4 : 8) != 0) continue;
                const BlockInfo& q = grid.at(x * sub, y * sub);
                const BlockInfo& p = grid.at(x * sub - (vertical ? 1 : 0), y * sub - (vertical ? 0 : 1));
                const auto low = [&](const BlockInfo& b) { return int(vertical ? b.x0 : b.y0); };
                const auto size = [&](const BlockInfo& b) {
                    return std::min(64, 1 << (vertical ? b.log2_w : b.log2_h)) / sub;
                };
                if (pos * sub != low(q) && (pos * sub - low(q)) % 64 != 0) continue;
                Segment s;
                s.lines = lines;
                const auto locate = [&](int k, int i) {
                    return vertical ? std::pair<int, int>{x + i, y + k} : std::pair<int, int>{x + k, y + i};
                };
                for (int k = 0; k < lines; k++) {
                    for (int i = 0; i < 8; i++) {
                        const auto [qx, qy] = locate(k, i);
                        const auto [px, py] = locate(k, -i - 1);
                        if (qx < src.width() && qy < src.height())
                            s.q[size_t(k)][size_t(i)] = *src.at(qx, qy);
                        if (px >= 0 && py >= 0) s.p[size_t(k)][size_t(i)] = *src.at(px, py);
                    }
                }
                const bool ctb_row = !vertical && (y * sub) % params.ctu_size == 0;
                int changed_p = 1, changed_q = 1;
                if (c == 0) {
                    const bool small = size(p) <= 4 || size(q) <= 4;
                    changed_p = small ? 1 : size(p) >= 32 && !ctb_row ? 7 : 3;
                    changed_q = small ? 1 : size(q) >= 32 ? 7 : 3;
                    slow_luma(s, (p.qp + q.qp + 1) >> 1, changed_p, changed_q, params.beta_offset_div2,
                              params.tc_offset_div2);
                } else {
                    const bool large = size(p) >= 8 && size(q) >= 8;
                    const int offset = c == 1 ? params.cb_qp_offset : params.cr_qp_offset;
                    const auto qpc = [&](int qp) {
                        return clip3(-12, 63, params.chroma_qp_table[qp + 12] + offset);
                    };
                    slow_chroma(s, (qpc(p.qp) + qpc(q.qp) + 1) >> 1, large, ctb_row, params.beta_offset_div2,
                                params.tc_offset_div2);
                    changed_q = large ? 3 : 1;
                    changed_p = ctb_row ? 1 : changed_q;
                }
                for (int k = 0; k < lines; k++) {
                    for (int i = 0; i < std::max(changed_p, changed_q); i++) {
                        const auto [qx, qy] = locate(k, i);
                        const auto [px, py] = locate(k, -i - 1);
                        if (i < changed_q) *dst.at(qx, qy) = Sample(s.q[size_t(k)][size_t(i)]);
                        if (i < changed_p) *dst.at(px, py) = Sample(s.p[size_t(k)][size_t(i)]);
                    }
                }
            }
        }
    }
}

bool same(const Picture& a, const Picture& b) {
    for (size_t c = 0; c < 3; c++)
        for (int y = 0; y < a.planes[c].height(); y++)
            if (!std::equal(a.planes[c].at(0, y), a.planes[c].at(0, y) + a.planes[c].width(),
                            b.planes[c].at(0, y)))
                return false;
    return true;
}

int count_differences(const Plane& a, const Plane& b) {
    int n = 0;
    for (int y = 0; y < a.height(); y++)
        for (int x = 0; x < a.width(); x++) n += *a.at(x, y) != *b.at(x, y);
    return n;
}

std::array<std::int8_t, 76> bent_chroma_table() {
    std::array<std::int8_t, 76> table{};
    for (int i = 0; i < 76; i++) table[size_t(i)] = std::int8_t(i - 12 > 30 ? 30 + (i - 42) * 3 / 4 : i - 12);
    return table;
}

}  // namespace

TEST(deblock_leaves_flat_pictures) {
    Rng rng(5);
    Picture picture(136, 136, ChromaFormat::k420);
    for (Plane& plane : picture.planes)
        for (int y = 0; y < plane.height(); y++) std::fill_n(plane.at(0, y), plane.width(), Sample{600});
    const Picture before = picture;
    const BlockGrid grid = random_grid(rng, 136, 136, 64, 4, 50);
    deblock_picture(picture, grid, grid, DeblockParams{64, 0, 0, 0, 0, nullptr});
    CHECK(same(picture, before));
}

TEST(deblock_smooths_a_step_symmetrically) {
    for (const int side : {4, 8, 16, 32, 64}) {
        Picture picture(128, 128, ChromaFormat::k400);
        for (int y = 0; y < 128; y++)
            for (int x = 0; x < 128; x++) *picture.planes[0].at(x, y) = Sample(x < 64 ? 500 : 510);
        BlockGrid grid(128, 128);
        for (int y = 0; y < 128; y += side) {
            for (int x = 0; x < 128; x += side) {
                BlockInfo info;
                info.x0 = std::uint16_t(x), info.y0 = std::uint16_t(y), info.qp = 40;
                while ((1 << info.log2_w) < side) info.log2_w++;
                info.log2_h = info.log2_w;
                grid.fill({x, y, side, side}, info);
            }
        }
        deblock_picture(picture, grid, grid, DeblockParams{});
        const int reach = side == 4 ? 1 : side < 32 ? 3 : 7;
        for (int i = 0; i < 64; i++) {
            const int p = *picture.planes[0].at(63 - i, 77), q = *picture.planes[0].at(64 + i, 77);
            if (i >= reach) CHECK(p == 500 && q == 510);
            if (i < reach) CHECK(p >= 500 && q <= 510);
            CHECK(std::abs((p - 500) - (510 - q)) <= 1);  // rounding is not symmetric
        }
        CHECK(*picture.planes[0].at(63, 77) > 500);
    }
}

TEST(deblock_follows_the_clause) {
    Rng rng(6);
    const auto table = bent_chroma_table();
    std::array<int, 3> changed{};
    for (int round = 0; round < 24; round++) {
        const int width = 8 * draw(rng, 20, 36), height = 8 * draw(rng, 20, 36);
        DeblockParams params;
        params.ctu_size = round % 2 == 0 ? 128 : 64;
        params.chroma_qp_table = table.data();
        params.cb_qp_offset = draw(rng, -12, 12);
        params.cr_qp_offset = draw(rng, -4, 4);
        if (round % 4 == 3)
            params.beta_offset_div2 = draw(rng, -6, 6), params.tc_offset_div2 = draw(rng, -6, 6);
        const int qp = draw(rng, 14, 57);
        const BlockGrid luma = random_grid(rng, width, height, params.ctu_size, 4, qp);
        const BlockGrid chroma = random_grid(rng, width, height, params.ctu_size, 8, qp);
        // Slopes with a little noise and a step per block: all decisions come up.
        Picture picture(width, height, ChromaFormat::k420);
        const int noise = draw(rng, 0, 3), step = draw(rng, 1, 40);
        for (size_t c = 0; c < 3; c++) {
            Plane& plane = picture.planes[c];
            const int sub = c == 0 ? 1 : 2;
            for (int y = 0; y < plane.height(); y++) {
                for (int x = 0; x < plane.width(); x++) {
                    const BlockInfo& b = (c == 0 ? luma : chroma).at(x * sub, y * sub);
                    const int jump = (b.x0 * 7 + b.y0 * 13 + b.qp * 5) % (step + 1);
                    const int v = 200 + x + y / 2 + jump + draw(rng, 0, noise);
                    *plane.at(x, y) = Sample(std::clamp(round % 5 == 4 ? v * 2 - 350 : v, 0, 1023));
                }
            }
        }
        Picture middle = picture;
        slow_direction(picture, middle, luma, chroma, params, true);
        Picture expected = middle;
        slow_direction(middle, expected, luma, chroma, params, false);
        for (size_t c = 0; c < 3; c++) changed[c] += count_differences(picture.planes[c], expected.planes[c]);
        deblock_picture(picture, luma, chroma, params);
        for (size_t c = 0; c < 3; c++) CHECK_EQ(count_differences(picture.planes[c], expected.planes[c]), 0);
    }
    for (const int n : changed) CHECK(n > 10000);
}
