// Templates of the trellis of dependent quantisation: the sums over the already coded neighbours packed into
// 16 bits a position, and how a level changes those of the positions that see it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "../entropy/residual_contexts.h"

namespace idse::vvc::trellis {

// What a level adds to the template of the positions that see it: sum of |level| (saturating: beyond 48 the
// Rice parameter doesn't change) in bits 0..7, template_pass1() in bits 8..12, count in bits 13..15.
using Packed = std::uint16_t;
typedef Packed PackedLanes __attribute__((vector_size(16)));
inline constexpr int kPackedLevels = 52;
constexpr Packed pack_level(int level) {
    return level == 0 ? Packed(0) : Packed(std::min(level, 51) | (template_pass1(level) << 8) | (1 << 13));
}
constexpr std::array<Packed, kPackedLevels> make_packed() {
    std::array<Packed, kPackedLevels> all{};
    for (int i = 0; i < kPackedLevels; i++) all[size_t(i)] = pack_level(i);
    return all;
}
inline constexpr std::array<Packed, kPackedLevels> kPacked = make_packed();
inline Packed packed_level(int level) {
    return kPacked[size_t(level < kPackedLevels ? level : kPackedLevels - 2 + (level & 1))];
}

// Scan positions inside a 4x4 subblock: x = kInX[k], y = kInY[k].
inline constexpr std::array<std::uint8_t, kGroupSize> kInX = {0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 1, 2, 3, 2, 3, 3};
inline constexpr std::array<std::uint8_t, kGroupSize> kInY = {0, 1, 0, 2, 1, 0, 3, 2, 1, 0, 3, 2, 1, 3, 2, 3};
constexpr bool sees(int dx, int dy) {  // is a neighbour at this offset in the template?
    return (dy == 0 && (dx == 1 || dx == 2)) || (dx == 0 && (dy == 1 || dy == 2)) || (dx == 1 && dy == 1);
}

// What a level at position k does to the cells of its subblock: its own template goes, where `keep` is zero,
// and the level is added where `see` is all ones (the positions that see it, and its own). added: that of the
// small levels.
struct Spread {
    alignas(16) Packed see[kGroupSize];
    alignas(16) Packed keep[kGroupSize];
    alignas(16) Packed added[4][kGroupSize];
};
constexpr std::array<Spread, kGroupSize> make_spreads() {
    std::array<Spread, kGroupSize> all{};
    for (size_t k = 0; k < kGroupSize; k++)
        for (size_t i = 0; i < kGroupSize; i++) {
            all[k].see[i] = i == k || sees(kInX[k] - kInX[i], kInY[k] - kInY[i]) ? 0xffff : 0;
            all[k].keep[i] = i == k ? 0 : 0xffff;
            for (int level = 0; level < 4; level++)
                all[k].added[level][i] = Packed(all[k].see[i] & pack_level(level));
        }
    return all;
}
inline constexpr std::array<Spread, kGroupSize> kSpreads = make_spreads();

// Positions that see levels of the subblocks to the right, below, and right and below.
struct CrossLink {
    std::uint8_t to = 0;    // position in this subblock
    std::uint8_t from = 0;  // position in the neighbour
};
template <int kCount>
constexpr std::array<CrossLink, size_t(kCount)> make_links(int group_dx, int group_dy) {
    std::array<CrossLink, size_t(kCount)> links{};
    size_t n = 0;
    for (size_t to = 0; to < kGroupSize; to++)
        for (size_t from = 0; from < kGroupSize; from++)
            if (sees(kInX[from] + 4 * group_dx - kInX[to], kInY[from] + 4 * group_dy - kInY[to]))
                links[n++] = {std::uint8_t(to), std::uint8_t(from)};
    return links;
}
inline constexpr auto kLinksRight = make_links<15>(1, 0);
inline constexpr auto kLinksBelow = make_links<15>(0, 1);
inline constexpr auto kLinksCorner = make_links<1>(1, 1);

// Context parts by the upper byte of a template.
struct TemplateContexts {
    std::array<std::uint8_t, 256> sig{};
    std::array<std::uint8_t, 256> gtx{};
};
constexpr TemplateContexts make_template_contexts() {
    TemplateContexts c{};
    for (int t = 0; t < 256; t++) {
        const int sum_pass1 = t & 31, count = t >> 5;
        c.sig[size_t(t)] = std::uint8_t(std::min((sum_pass1 + 1) >> 1, 3));
        c.gtx[size_t(t)] = std::uint8_t(std::clamp(sum_pass1 - count, 0, 4));
    }
    return c;
}
inline constexpr TemplateContexts kTemplateContexts = make_template_contexts();

}  // namespace idse::vvc::trellis
