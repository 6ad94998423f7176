// Replaces libFuzzer where it is not available: calls the target with the given files, and for some seconds
// with mutations of synthetic maps. The seed alone determines the mutations.
//
// usage: fuzz_map_file [SECONDS [SEED]] [FILE...]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "made_up.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void call(const std::string& bytes) {
    // A copy of exactly this size, so that AddressSanitizer detects a read behind its end.
    const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::string made_up(std::mt19937& rng) {
    const int planes = rng() % 2 ? 3 : 1;
    auto map = idse::test::random_map(int(1 + rng() % 70), int(1 + rng() % 70), int(1 + rng() % 3),
                                      int(rng() % 8), planes, unsigned(rng()));
    const std::string meta = idse::test::RawMap::section("META", std::string(rng() % 20, '{'));
    const std::string rasters = map.bytes();
    if (rng() % 2) map = idse::test::with_profiles(map, rng() % 2 ? 3 : 1, unsigned(rng()));
    return rasters + (rng() % 2 ? meta : "") + map.bytes().substr(rasters.size()) + (rng() % 2 ? meta : "");
}

void put(std::string& bytes, std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4 && at + i < bytes.size(); i++) bytes[at + i] = char(value >> (8 * i));
}

// Numbers that often reveal errors of readers, as integers and as floating-point values (infinity, NaN, the
// smallest).
std::uint32_t odd_number(std::mt19937& rng) {
    static const std::uint32_t numbers[] = {
        0,          1,          2,          3,          7,          8,          31,         32,
        0xff,       0xffff,     0x10000,    0x100000,   0x7fffffff, 0x80000000, 0xffffffff, 0x7f800000,
        0xff800000, 0x7fc00000, 0x7f7fffff, 0x00000001, 0x00800000, 0x80000001, 0xbf800000};
    return rng() % 4 ? numbers[rng() % std::size(numbers)] : std::uint32_t(rng());
}

void mutate(std::string& bytes, std::mt19937& rng) {
    const std::size_t at = rng() % (bytes.size() + 1);
    switch (rng() % 6) {
        case 0:  // a field of the header
            return put(bytes, 8 + 4 * (rng() % 5), odd_number(rng));
        case 1:  // a value
            return put(bytes, 28 + 4 * (rng() % (bytes.size() / 4 + 1)), odd_number(rng));
        case 2:
            return bytes.resize(at);
        case 3:
            bytes.insert(at, std::size_t(rng() % 40), char(rng()));
            return;
        case 4:
            if (at < bytes.size()) bytes[at] = char(bytes[at] ^ (1u << (rng() % 8)));
            return;
        default:  // all values alike
            for (std::size_t i = 28, n = odd_number(rng); i < bytes.size(); i += 4)
                put(bytes, i, std::uint32_t(n));
    }
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 10;
    const auto seed = std::uint32_t(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1);
    for (int i = 3; i < argc; i++) {
        std::ifstream file(argv[i], std::ios::binary);
        call(std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
    }
    std::mt19937 rng(seed);
    long long count = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (std::chrono::steady_clock::now() < end)
        for (int i = 0; i < 100; i++, count++) {
            std::string bytes = made_up(rng);
            for (auto rounds = rng() % 4; rounds > 0; rounds--) mutate(bytes, rng);
            call(bytes);
        }
    std::printf("%d files and %lld mutations of seed %u: nothing found\n", std::max(argc - 3, 0), count,
                seed);
    return 0;
}
