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

    int cols() const { return (width + (1 << log2_unit) - 1) >> log2_unit; }
    int rows() const { return (height + (1 << log2_unit) - 1) >> log2_unit; }
    std::size_t cells() const { return std::size_t(cols()) * std::size_t(rows()); }
    const float* plane(int frame, int p) const {
        return &values[(std::size_t(frame) * std::size_t(planes) + std::size_t(p)) * cells()];
    }

    idse::vvc::FrameWeights frame(int number) const {
        idse::vvc::FrameWeights weights;
        weights.log2_unit = log2_unit;
        for (int p = 0; p < planes; p++) weights.planes[p] = plane(number, p);
        return weights;
    }

    std::string bytes() const {
        std::string text = "IDSEW001";
        for (int value : {width, height, frames, log2_unit, planes})
            for (int i = 0; i < 4; i++) text += char((value >> (8 * i)) & 255);
        for (float value : values) {
            std::uint32_t bits;
            std::memcpy(&bits, &value, 4);
            for (int i = 0; i < 4; i++) text += char((bits >> (8 * i)) & 255);
        }
        return text;
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
