#include <stdexcept>

#include "check.h"
#include "made_up.h"
#include "map_file.h"

using namespace idse::vtm;
using idse::test::random_map;
using idse::test::RawMap;
using idse::test::TemporaryFile;

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
                    for (int p = 0; p < 3; p++)
                        if (p < planes)
                            CHECK_EQ(*frame.planes[p], *raw.plane(f, p));
                        else
                            CHECK(frame.planes[p] == nullptr);
                }
            }
}

TEST(what_follows_the_rasters_is_left_alone) {
    const RawMap raw = random_map(24, 16, 2, 3, 3, 5);
    const TemporaryFile file(raw.bytes() + "META\x05\0\0\0\0\0\0\0{}...TILE and more");
    CHECK(read_map(file.path()).values == raw.values);
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
