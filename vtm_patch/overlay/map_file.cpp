#include "map_file.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace idse {
namespace vtm {

namespace {

constexpr std::uint32_t kMaxSide = 65536;
constexpr std::uint32_t kMaxFrames = 1u << 20;

std::uint32_t little_endian(const unsigned char* bytes) {
    return std::uint32_t(bytes[0]) | std::uint32_t(bytes[1]) << 8 | std::uint32_t(bytes[2]) << 16 |
           std::uint32_t(bytes[3]) << 24;
}

[[noreturn]] void refuse(const std::string& name, const char* words) {
    throw std::runtime_error("weight map " + name + ": " + words + "; make it again");
}

// Appends `count` values. By parts: a damaged header must not ask for all of the memory.
void read_values(std::istream& file, const std::string& name, size_t count, std::vector<float>& values) {
    unsigned char bytes[4 * 4096];
    for (size_t left = count; left > 0;) {
        const size_t part = std::min<size_t>(left, sizeof bytes / 4);
        if (!file.read(reinterpret_cast<char*>(bytes), std::streamsize(4 * part)))
            refuse(name, "is truncated");
        for (size_t i = 0; i < part; i++) {
            const std::uint32_t bits = little_endian(&bytes[4 * i]);
            float value;
            std::memcpy(&value, &bits, 4);
            values.push_back(value);
        }
        left -= part;
    }
}

void read_profiles(std::istream& file, const std::string& name, std::uint64_t size, MapFile& map) {
    unsigned char count[4] = {};
    if (size >= 4 && !file.read(reinterpret_cast<char*>(count), 4)) refuse(name, "is truncated");
    const std::uint32_t planes = little_endian(count);
    if ((planes != 1 && planes != 3) ||
        size != 4 + std::uint64_t(4) * kProfileValues * planes * std::uint64_t(map.frames))
        refuse(name, "has a damaged section of frequency profiles");
    map.profile_planes = int(planes);
    map.profiles.clear();
    read_values(file, name, size_t(kProfileValues) * planes * size_t(map.frames), map.profiles);
}

void read_sections(std::istream& file, const std::string& name, MapFile& map) {
    constexpr std::uint64_t kMost = std::uint64_t(1) << 62;
    unsigned char header[12];
    while (file.read(reinterpret_cast<char*>(header), sizeof header)) {
        const std::uint64_t size = little_endian(header + 4) | std::uint64_t(little_endian(header + 8)) << 32;
        if (std::memcmp(header, "FREQ", 4) == 0) {
            read_profiles(file, name, size, map);
            continue;
        }
        if (size > kMost) refuse(name, "is truncated");
        file.ignore(std::streamsize(size));
        if (std::uint64_t(file.gcount()) != size) refuse(name, "is truncated");
    }
    if (file.gcount() != 0) refuse(name, "is truncated");
}

}  // namespace

size_t MapFile::cells() const {
    const size_t unit = size_t(1) << log2_unit;
    return ((size_t(width) + unit - 1) >> log2_unit) * ((size_t(height) + unit - 1) >> log2_unit);
}

idse::vvc::FrameWeights MapFile::frame(int number) const {
    idse::vvc::FrameWeights weights;
    weights.log2_unit = log2_unit;
    for (int p = 0; p < planes; p++)
        weights.planes[p] = values.data() + (size_t(number) * planes + p) * cells();
    for (int p = 0; p < profile_planes; p++)
        weights.profiles[p] = profiles.data() + (size_t(number) * profile_planes + p) * kProfileValues;
    return weights;
}

MapFile read_map(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw std::runtime_error("weight map " + path +
                                 ": cannot be opened; give the file that 'idse map' wrote");
    return read_map(file, path);
}

MapFile read_map(std::istream& file, const std::string& name) {
    unsigned char header[28];
    if (!file.read(reinterpret_cast<char*>(header), sizeof header) || std::memcmp(header, "IDSEW001", 8) != 0)
        throw std::runtime_error("weight map " + name +
                                 ": is no weight map (IDSEW001); give the file that 'idse map' wrote");
    const std::uint32_t width = little_endian(header + 8), height = little_endian(header + 12);
    const std::uint32_t frames = little_endian(header + 16), log2_unit = little_endian(header + 20);
    const std::uint32_t planes = little_endian(header + 24);
    if (width < 1 || width > kMaxSide || height < 1 || height > kMaxSide || frames < 1 ||
        frames > kMaxFrames || log2_unit > 7 || (planes != 1 && planes != 3))
        refuse(name, "has a damaged header");
    MapFile map;
    map.width = int(width);
    map.height = int(height);
    map.frames = int(frames);
    map.log2_unit = int(log2_unit);
    map.planes = int(planes);
    read_values(file, name, map.cells() * planes * frames, map.values);
    read_sections(file, name, map);
    return map;
}

}  // namespace vtm
}  // namespace idse
