// Maps and samples for the tests.
#pragma once

#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "vvc/weights/shaping.h"

namespace idse::test {

// A raw map; every value may be changed before it is written.
struct RawMap {
    int width, height, frames, log2_unit, planes;
    std::vector<float> values;
    int profile_planes = 0;
    std::vector<float> profiles = {};  // 64 for each frame and plane

    int cols() const { return (width + (1 << log2_unit) - 1) >> log2_unit; }
    int rows() const { return (height + (1 << log2_unit) - 1) >> log2_unit; }
    std::size_t cells() const { return std::size_t(cols()) * std::size_t(rows()); }
    const float* plane(int frame, int p) const {
        return &values[(std::size_t(frame) * std::size_t(planes) + std::size_t(p)) * cells()];
    }
    const float* profile(int frame, int p) const {
        return &profiles[std::size_t(frame * profile_planes + p) * 64];
    }

    idse::vvc::FrameWeights frame(int number) const {
        idse::vvc::FrameWeights weights;
        weights.log2_unit = log2_unit;
        for (int p = 0; p < planes; p++) weights.planes[p] = plane(number, p);
        for (int p = 0; p < profile_planes; p++) weights.profiles[p] = profile(number, p);
        return weights;
    }

    std::string bytes() const {
        std::string text = "IDSEW001";
        for (int value : {width, height, frames, log2_unit, planes}) text += number(std::uint32_t(value));
        text += numbers(values);
        if (profile_planes == 0) return text;
        return text + section("FREQ", number(std::uint32_t(profile_planes)) + numbers(profiles));
    }

    static std::string number(std::uint32_t value) {
        std::string text;
        for (int i = 0; i < 4; i++) text += char((value >> (8 * i)) & 255);
        return text;
    }
    static std::string numbers(const std::vector<float>& all) {
        std::string text;
        for (float value : all) {
            std::uint32_t bits;
            std::memcpy(&bits, &value, 4);
            text += number(bits);
        }
        return text;
    }
    static std::string section(const char* tag, const std::string& payload) {
        return tag + number(std::uint32_t(payload.size())) + number(0) + payload;
    }
};

inline RawMap random_map(int width, int height, int frames, int log2_unit, int planes, unsigned seed) {
    RawMap map{width, height, frames, log2_unit, planes, {}};
    map.values.resize(map.cells() * std::size_t(frames) * std::size_t(planes));
    std::mt19937 rng(seed);
    for (std::size_t i = 0; i < map.values.size(); i++) {
        const std::size_t plane = i / map.cells() % std::size_t(planes);
        map.values[i] = float(std::exp(double(rng() % 1000) / 250.0)) * float(1 + 2 * plane);
    }
    return map;
}

// Profiles that fall with frequency, differently in every plane and frame.
inline RawMap with_profiles(RawMap map, int planes, unsigned seed) {
    std::mt19937 rng(seed);
    map.profile_planes = planes;
    map.profiles.clear();
    for (int i = 0; i < planes * map.frames; i++) {
        const double slope = 0.2 + double(rng() % 100) / 250;
        for (int k = 0; k < 64; k++)
            map.profiles.push_back(
                float(std::exp(-slope * (k % 8 + k / 8)) * (1 + double(rng() % 1000) / 2000)));
    }
    return map;
}

// A file that goes with the test.
class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& bytes) {
        path_ = (std::filesystem::temp_directory_path() / "idse_overlay_XXXXXX").string();
        const int descriptor = mkstemp(&path_[0]);
        if (descriptor >= 0) ::close(descriptor);
        std::ofstream(path_, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
    }
    ~TemporaryFile() { std::remove(path_.c_str()); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace idse::test
