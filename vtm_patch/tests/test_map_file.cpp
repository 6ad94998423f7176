#include <stdexcept>

#include "check.h"
#include "made_up.h"
#include "map_file.h"

using namespace idse::vtm;
using idse::test::random_map;
using idse::test::RawMap;
using idse::test::TemporaryFile;
using idse::test::with_profiles;

namespace {

std::string complaint(const std::string& path) {
    try {
        read_map(path);
    } catch (const std::runtime_error& e) {
        return e.what();
    }
    return "";
}

// Whether a file of these bytes is refused with these words, and with its name, on one line.
bool refused(const std::string& bytes, const char* words) {
    const TemporaryFile file(bytes);
    const std::string said = complaint(file.path());
    return said.find(words) != std::string::npos && said.find(file.path()) != std::string::npos &&
           said.find('\n') == std::string::npos;
}

std::string with_field(const std::string& bytes, std::size_t field, std::uint32_t value) {
    std::string four;
    for (int i = 0; i < 4; i++) four += char((value >> (8 * i)) & 255);
    return bytes.substr(0, 8 + 4 * field) + four + bytes.substr(12 + 4 * field);
}

}  // namespace

TEST(a_map_is_read_as_it_was_written) {
    for (int planes : {1, 3})
        for (int frames : {1, 4})
            for (int unit = 0; unit <= 7; unit++) {
                const RawMap raw = random_map(37, 70, frames, unit, planes, unsigned(unit + frames));
                const TemporaryFile file(raw.bytes());
                const MapFile map = read_map(file.path());
                CHECK_EQ(map.width, 37);
                CHECK_EQ(map.height, 70);
                CHECK_EQ(map.frames, frames);
                CHECK_EQ(map.log2_unit, unit);
                CHECK_EQ(map.planes, planes);
                CHECK_EQ(map.cells(), raw.cells());
                CHECK(map.values == raw.values);
                for (int f = 0; f < frames; f++) {
                    const auto frame = map.frame(f);
                    CHECK_EQ(frame.log2_unit, unit);
                    CHECK_EQ(frame.tile_rank, 0);
                    CHECK(frame.profiles[0] == nullptr);
                    for (int p = 0; p < 3; p++)
                        if (p < planes)
                            CHECK_EQ(*frame.planes[p], *raw.plane(f, p));
                        else
                            CHECK(frame.planes[p] == nullptr);
                }
            }
}

TEST(other_sections_are_skipped) {
    const RawMap raw = random_map(24, 16, 2, 3, 3, 5);
    const std::string other = RawMap::section("META", "{...}") + RawMap::section("TILE", "");
    for (int planes : {0, 1, 3}) {
        const RawMap with = with_profiles(raw, planes, 3);
        const std::string bytes = with.bytes();
        const std::string profiles = bytes.substr(raw.bytes().size());
        const TemporaryFile file(raw.bytes() + other + profiles + other);
        const MapFile map = read_map(file.path());
        CHECK(map.values == raw.values);
        CHECK_EQ(map.profile_planes, planes);
        CHECK(map.profiles == with.profiles);
    }
}

TEST(profiles_are_read_as_they_were_written) {
    for (int planes : {1, 3})
        for (int frames : {1, 3}) {
            const RawMap raw = with_profiles(random_map(37, 70, frames, 3, 1, 4), planes, unsigned(frames));
            const TemporaryFile file(raw.bytes());
            const MapFile map = read_map(file.path());
            CHECK(map.values == raw.values);
            for (int f = 0; f < frames; f++)
                for (int c = 0; c < 3; c++) {
                    const float* const profile = map.frame(f).profiles[c];
                    CHECK((profile != nullptr) == (c < planes));
                    for (int k = 0; profile && k < 64; k++)
                        CHECK_EQ(profile[k], raw.profiles[std::size_t((f * planes + c) * 64 + k)]);
                }
        }
}

TEST(sections_that_are_wrong_are_refused) {
    const RawMap raw = random_map(24, 16, 2, 3, 1, 5);
    const std::string whole = raw.bytes();
    const std::string with = with_profiles(raw, 3, 1).bytes();
    for (std::size_t size = whole.size() + 1; size < with.size(); size += size < whole.size() + 20 ? 1 : 97)
        CHECK(refused(with.substr(0, size), "truncated"));
    const char* const damaged = "damaged section of frequency profiles";
    for (std::uint32_t planes : {0u, 1u, 2u, 4u, 0xffffffffu}) {
        std::string other = with;
        other.replace(whole.size() + 12, 4, RawMap::number(planes));
        CHECK(refused(other, damaged));
    }
    for (std::size_t size : {0, 3, 4, 5})
        CHECK(refused(whole + RawMap::section("FREQ", std::string(size, '\1')), damaged));
    CHECK(refused(whole + RawMap::section("FREQ", with.substr(whole.size() + 12) + "x"), damaged));
    // Sizes that no file has.
    CHECK(refused(whole + "META" + RawMap::number(9) + RawMap::number(0) + "12345678", "truncated"));
    CHECK(refused(whole + "META" + RawMap::number(9) + RawMap::number(0x7fffffff), "truncated"));
    CHECK(refused(whole + "META" + RawMap::number(9) + RawMap::number(0x10000000), "truncated"));
    CHECK(refused(whole + "FREQ" + RawMap::number(9) + RawMap::number(0xffffffff) + RawMap::number(3),
                  damaged));
}

TEST(truncated_maps_are_refused) {
    const std::string whole = random_map(24, 16, 2, 3, 3, 6).bytes();  // two frames of 3 x 6 values
    CHECK_EQ(whole.size(), 28u + 2 * 3 * 6 * 4);
    for (std::size_t size : {0, 1, 7, 8, 12, 27}) CHECK(refused(whole.substr(0, size), "is no weight map"));
    for (std::size_t size : {28, 29, 31, 32, 28 + 71, 28 + 72, 28 + 73, 28 + 143})
        CHECK(refused(whole.substr(0, size), "truncated"));
    CHECK(!refused(whole, ""));
}

TEST(what_is_no_map_is_refused) {
    const std::string whole = random_map(24, 16, 1, 3, 1, 7).bytes();
    for (std::size_t i = 0; i < 8; i++) {
        std::string other = whole;
        other[i] ^= 1;
        CHECK(refused(other, "is no weight map"));
    }
    CHECK(complaint("/nowhere/map.idsew").find("cannot be opened") != std::string::npos);
    CHECK(complaint("").find("cannot be opened") != std::string::npos);
    CHECK(complaint("/tmp").find("/tmp") != std::string::npos);  // a folder
}

TEST(headers_out_of_range_are_refused) {
    const std::string whole = random_map(24, 16, 1, 3, 1, 8).bytes();
    const std::pair<std::size_t, std::uint32_t> wrong[] = {
        {0, 0}, {0, 65537}, {0, 0xffffffffu}, {1, 0}, {1, 65537}, {2, 0}, {2, (1u << 20) + 1},
        {3, 8}, {3, 31},    {3, 0xffffffffu}, {4, 0}, {4, 2},     {4, 4}, {4, 0xffffffffu}};
    for (const auto& [field, value] : wrong)
        CHECK(refused(with_field(whole, field, value), "damaged header"));
}

// 48 GiB would be asked for, if the header were believed.
TEST(a_damaged_header_does_not_take_all_of_the_memory) {
    std::string large = random_map(24, 16, 1, 3, 1, 9).bytes();
    large = with_field(with_field(large, 0, 65536), 1, 65536);
    CHECK(refused(with_field(with_field(large, 3, 0), 4, 3), "truncated"));
}
