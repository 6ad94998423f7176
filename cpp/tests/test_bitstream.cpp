#include <random>
#include <string>

#include "check.h"
#include "vvc/bitstream/chroma_qp_table.h"
#include "vvc/bitstream/sei.h"
#include "vvc/bitstream/slice_header.h"

using namespace idse::vvc;

#define CHECK_TEXT(a, b) CHECK(std::string(a) == std::string(b))

namespace {

std::string hex(const Bytes& bytes) {
    static const char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t b : bytes) text += {digits[b >> 4], digits[b & 15]};
    return text;
}

std::string md5_of(const std::string& text, size_t piece) {
    Md5 md5;
    for (size_t i = 0; i < text.size(); i += piece) {
        const std::string part = text.substr(i, piece);
        md5.update(reinterpret_cast<const std::uint8_t*>(part.data()), part.size());
    }
    const Md5Digest digest = md5.finish();
    return hex(Bytes(digest.begin(), digest.end()));
}

// Takes emulation prevention out again.
Bytes payload_of(const Bytes& nal, size_t start) {
    Bytes out;
    int zeros = 0;
    for (size_t i = start; i < nal.size(); i++) {
        if (zeros == 2 && nal[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = nal[i] == 0 ? zeros + 1 : 0;
        out.push_back(nal[i]);
    }
    return out;
}

}  // namespace

TEST(bit_writer_fixed_and_exp_golomb) {
    BitWriter w;
    w.u(5, 3);  // 101
    w.ue(0);    // 1
    w.ue(1);    // 010
    w.ue(4);    // 00101
    w.se(1);    // 010
    w.se(-1);   // 011
    w.se(-2);   // 00101
    w.flag(true);
    CHECK_EQ(w.bit_count(), size_t{24});
    CHECK_TEXT(hex(w.bytes()), "b454cb");
    w.trailing_bits();
    CHECK_TEXT(hex(w.bytes()), "b454cb80");

    BitWriter wide;
    wide.flag(false);
    wide.u(0xffffffffu, 32);
    wide.align_zero();
    CHECK_TEXT(hex(wide.bytes()), "7fffffff80");
}

TEST(emulation_prevention) {
    Bytes stream;
    append_nal(stream, NalType::kIdrNLp, {0, 0, 0, 0, 0, 1, 0, 0, 4, 0, 0, 3}, false);
    CHECK_TEXT(hex(stream), "0000010041000003000003000100000400000303");
    CHECK_EQ(count_emulation_prevention({0, 0, 0, 0, 0, 1, 0, 0, 4, 0, 0, 3}), size_t{3});

    std::mt19937 rng(3);
    for (int i = 0; i < 200; i++) {
        Bytes rbsp(rng() % 300 + 1);
        for (auto& b : rbsp) b = std::uint8_t(rng() % 5);
        rbsp.back() = 0x80;
        Bytes nal;
        append_nal(nal, NalType::kSps, rbsp, true);
        CHECK(payload_of(nal, 6) == rbsp);
        CHECK_EQ(nal.size(), rbsp.size() + count_emulation_prevention(rbsp) + 6);
        for (size_t k = 6; k + 2 < nal.size(); k++) CHECK(nal[k] != 0 || nal[k + 1] != 0 || nal[k + 2] > 2);
    }
}

TEST(md5_of_known_strings) {
    for (size_t piece : {1, 7, 64, 1000}) {
        CHECK_TEXT(md5_of("", piece), "d41d8cd98f00b204e9800998ecf8427e");
        CHECK_TEXT(md5_of("abc", piece), "900150983cd24fb0d6963f7d28e17f72");
        std::string digits;
        for (int i = 0; i < 8; i++) digits += "1234567890";
        CHECK_TEXT(md5_of(digits, piece), "57edf4a22be3c955ac49da2e2107b67a");
    }
}

TEST(chroma_qp_table_pivots) {
    const ChromaQpTable table;
    for (const QpPivot& pivot : kChromaQpPivots) CHECK_EQ(table[pivot.in], pivot.out);
    CHECK_EQ(table[-kQpBdOffset], -kQpBdOffset);
    CHECK_EQ(table[0], 0);
    CHECK_EQ(table[22], 23);  // 17 + (12 * 5 + 5) / 10
    CHECK_EQ(table[63], 60);
    for (int qp = -kQpBdOffset; qp < 63; qp++) CHECK(table[qp + 1] >= table[qp]);
}

TEST(levels_by_picture_size) {
    CHECK_EQ(level_idc(8, 8), 67);
    CHECK_EQ(level_idc(1920, 1080), 67);
    CHECK_EQ(level_idc(3840, 2160), 86);
    CHECK_EQ(level_idc(7680, 4320), 102);
    CHECK_EQ(level_idc(8, 8192), 86);  // few samples, but too high for level 4
    CHECK_EQ(level_idc(20000, 20000), 255);
}

TEST(conformance_window) {
    const SequenceParameters p = sequence_parameters(Settings{}, 70, 50, ChromaFormat::k420, 1, false);
    CHECK_EQ(p.width, 72);
    CHECK_EQ(p.height, 56);
    CHECK_EQ(p.crop_right, 2);
    CHECK_EQ(p.crop_bottom, 6);
    CHECK(p.still_picture);
    CHECK(!sequence_parameters(Settings{}, 64, 64, ChromaFormat::k400, 1, false).dual_tree);
}

// Entry points are sizes in the NAL unit, emulation prevention bytes included.
TEST(entry_points_count_emulation_prevention) {
    SequenceParameters p = sequence_parameters(Settings{}, 64, 64, ChromaFormat::k400, 1, false);
    p.dependent_quant = p.transform_skip = false;
    p.wpp = true;
    Bytes stream;
    append_picture(stream, p, p.init_qp, -1, {{0, 0, 1, 0x80}, {0x80}}, false);
    // 1 1000 1 0000, 0, 1 (QP), 011 (3 bits), 100 (5 bytes - 1), then byte alignment.
    CHECK_TEXT(hex(stream), "0000010041c41720000003018080");
}

TEST(picture_hash_covers_all_planes) {
    Picture gray(16, 8, ChromaFormat::k400), colour(16, 8, ChromaFormat::k420);
    Bytes a, b;
    append_picture_hash(a, gray);
    append_picture_hash(b, colour);
    CHECK_EQ(a.size(), size_t{5 + 2 + 2 + 16 + 1});
    CHECK_EQ(b.size(), size_t{5 + 2 + 2 + 48 + 1});
    CHECK_TEXT(hex(Bytes(a.begin(), a.begin() + 9)), "00000100c184120080");
    colour.planes[2].at(7, 3)[0] = 0x300;  // only the high byte differs
    Bytes c;
    append_picture_hash(c, colour);
    CHECK(b != c);
    CHECK(Bytes(b.begin(), b.end() - 17) == Bytes(c.begin(), c.end() - 17));
}
