#include "scaling_aps.h"

#include <algorithm>

namespace idse::vvc {

namespace {

constexpr std::uint32_t kScalingAps = 2;  // aps_params_type

// A list as its syntax sees it: in coding order, with the DC entry before the others where it has one.
struct CodedList {
    int count = 0;
    bool has_dc = false;
    int dc = kFlatScalingFactor;
    int values[64] = {};
    bool written[64] = {};  // clause 7.3.2.21: a 64x64 block has no coefficient there

    // DC entry of what is predicted from this list.
    int dc_or_first() const { return has_dc ? dc : values[0]; }
};

CodedList coded_list(const ScalingLists& lists, int id) {
    CodedList out;
    const int size = ScalingLists::size(id);
    out.count = size * size;
    out.has_dc = id >= kFirstScalingListDc;
    if (out.has_dc) out.dc = lists.dc[size_t(id - kFirstScalingListDc)];
    int n = 0;
    for (int diagonal = 0; diagonal < 2 * size - 1; diagonal++)  // up-right diagonals, clause 6.5.2
        for (int x = 0; x <= diagonal; x++) {
            const int y = diagonal - x;
            if (x >= size || y >= size) continue;
            out.written[n] = !(id > 25 && x >= 4 && y >= 4);
            out.values[n++] = lists.list[size_t(id)][size_t(y * size + x)];
        }
    return out;
}

bool same_list(const CodedList& a, const CodedList& b) {
    if (a.has_dc && a.dc != b.dc_or_first()) return false;
    return std::equal(a.values, a.values + a.count, b.values);
}

// What a list may be copied or predicted from: an earlier one of its size, or (delta 0) the flat one.
CodedList reference_of(const std::vector<CodedList>& before, const CodedList& list, int id, int delta) {
    if (delta > 0) return before[size_t(id - delta)];
    CodedList flat;
    flat.count = list.count;
    std::fill(flat.values, flat.values + flat.count, kFlatScalingFactor);
    return flat;
}

int wrapped(int difference) {  // the decoder adds modulo 256
    return ((difference + 128) & 255) - 128;
}

// Entries as differences from the one before; those of a predicted list less its reference's. A list that is
// neither copied nor predicted is relative to 8 (clause 7.4.3.21).
void write_entries(BitWriter& w, const CodedList& list, const CodedList* reference) {
    int next = reference ? 0 : 8;
    if (list.has_dc) {
        const int dc = reference ? list.dc - reference->dc_or_first() : list.dc;
        w.se(wrapped(dc - next));
        next = dc;
    }
    for (int i = 0; i < list.count; i++) {
        if (!list.written[i]) continue;
        const int value = reference ? list.values[i] - reference->values[i] : list.values[i];
        w.se(wrapped(value - next));
        next = value;
    }
}

// FFmpeg (libavcodec 61, of PyAV 15; 62 does not) drops scaling_list_dc_coef of a list that is written out,
// and of one that is predicted from the flat one: its DC entry becomes 8 or 16. Such lists are coded in
// another way.
bool ffmpeg_reads(const CodedList& list, int delta) {
    return !list.has_dc || delta > 0 || list.dc == (delta < 0 ? 8 : kFlatScalingFactor);
}

void write_list(BitWriter& w, const std::vector<CodedList>& before, const CodedList& list, int id) {
    const int first = id < 2 ? 0 : id < 8 ? 2 : 8;
    // A copy, where there is one, is shorter than any entries.
    for (int delta = 0; delta <= id - first; delta++) {
        if (!ffmpeg_reads(list, delta) || !same_list(list, reference_of(before, list, id, delta))) continue;
        w.flag(true);                                 // scaling_list_copy_mode_flag
        if (id != first) w.ue(std::uint32_t(delta));  // scaling_list_pred_id_delta
        return;
    }
    BitWriter best;
    for (int delta = -1; delta <= id - first; delta++) {  // -1: written out
        if (!ffmpeg_reads(list, delta)) continue;
        BitWriter bits;
        bits.flag(false);
        bits.flag(delta >= 0);  // scaling_list_pred_mode_flag
        if (delta >= 0 && id != first) bits.ue(std::uint32_t(delta));
        CodedList reference;
        if (delta >= 0) reference = reference_of(before, list, id, delta);
        write_entries(bits, list, delta >= 0 ? &reference : nullptr);
        if (best.bit_count() == 0 || bits.bit_count() < best.bit_count()) best = bits;
    }
    w.append(best);
}

}  // namespace

Bytes scaling_aps_rbsp(const ScalingLists& lists, bool chroma, int aps_id) {
    BitWriter w;
    w.u(kScalingAps, 3);
    w.u(std::uint32_t(aps_id), 5);  // aps_adaptation_parameter_set_id
    w.flag(chroma);                 // aps_chroma_present_flag
    std::vector<CodedList> before;
    for (int id = 0; id < kScalingLists; id++) {
        const CodedList list = coded_list(lists, id);
        if (chroma || id % 3 == 2 || id == 27) write_list(w, before, list, id);
        before.push_back(list);
    }
    w.flag(false);  // aps_extension_flag
    w.trailing_bits();
    return w.bytes();
}

}  // namespace idse::vvc
