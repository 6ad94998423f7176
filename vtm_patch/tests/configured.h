// What the tests of the overlay share: configured with a map, with made-up originals in place.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "hooks.h"
#include "made_up.h"
#include "overlay.h"
#include "picture_weights.h"

namespace idse {
namespace test {

using namespace idse::vtm;

constexpr int kWidth = 96, kHeight = 80;

// What a function prints on one of the process's streams.
template <class F>
std::string printed(int descriptor, std::FILE* stream, F f) {
    std::fflush(stream);
    const TemporaryFile file("");
    const int kept = dup(descriptor);
    std::FILE* const target = std::fopen(file.path().c_str(), "wb");
    dup2(fileno(target), descriptor);
    f();
    std::fflush(stream);
    dup2(kept, descriptor);
    ::close(kept);
    std::fclose(target);
    std::ifstream in(file.path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct Configured {
    bool done = false;
    Overrides overrides;
    std::string out;
    std::string err;
};

inline Stream stream_of(const RawMap& map) {
    Stream stream;
    stream.width = map.width;
    stream.height = map.height;
    stream.frames = map.frames;
    return stream;
}

inline Configured configure_with(const std::string& map_file, const Stream& stream,
                                 const char* tools = "all") {
    options() = Options();
    options().map_file = map_file;
    options().tools = tools;
    Configured c;
    c.overrides.active = true;  // must be overwritten
    c.overrides.min_qp_subdiv = 77;
    c.out = printed(1, stdout,
                    [&] { c.err = printed(2, stderr, [&] { c.done = configure(stream, c.overrides); }); });
    return c;
}

inline Configured configure_with(const RawMap& map, const char* tools = "all") {
    const TemporaryFile file(map.bytes());
    return configure_with(file.path(), stream_of(map), tools);
}

inline RawMap uniform_map() {
    RawMap map = random_map(kWidth, kHeight, 2, 3, 3, 1);
    std::fill(map.values.begin(), map.values.end(), 0.37f);
    return map;
}

// The three planes of an original, with room on the right, and a reconstruction.
template <class Pel>
struct Samples {
    static constexpr int kStrides[3] = {kWidth + 13, kWidth / 2 + 5, kWidth / 2 + 9};
    std::vector<Pel> original[3], recon[3];
    OriginalPlane planes[3];

    explicit Samples(unsigned seed) {
        std::mt19937 rng(seed);
        for (int c = 0; c < 3; c++) {
            const int height = c ? kHeight / 2 : kHeight;
            original[c].resize(std::size_t(kStrides[c]) * std::size_t(height));
            recon[c].resize(original[c].size());
            for (Pel& s : original[c]) s = Pel(rng() % 1024);
            for (Pel& s : recon[c]) s = Pel(rng() % 1024);
            planes[c].component = c;
            planes[c].samples = original[c].data();
            planes[c].stride = kStrides[c];
            planes[c].height = height;
            planes[c].sample_size = sizeof(Pel);
        }
    }
    const Pel* org(int c, int x, int y) const { return &original[c][std::size_t(y * kStrides[c] + x)]; }
    const Pel* cur(int c, int x, int y) const { return &recon[c][std::size_t(y * kStrides[c] + x)]; }
    void start(int poc) const { start_picture(planes, 3, poc); }

    // In floating point, from the shaped cells.
    double expected(const std::vector<double>& cells, int cols, int log2_unit, int c, int x0, int y0, int w,
                    int h) const {
        double sum = 0;
        for (int y = y0; y < y0 + h; y++)
            for (int x = x0; x < x0 + w; x++) {
                const int s = c ? 1 : 0;
                const double e = double(*org(c, x, y)) - *cur(c, x, y);
                sum += e * e *
                       cells[std::size_t((y << s) >> log2_unit) * std::size_t(cols) +
                             std::size_t((x << s) >> log2_unit)];
            }
        return sum;
    }
};

// Refused with a line that has these words; nothing is left active.
inline bool refused(const Configured& c, const char* words) {
    return !c.done && !active() && !c.overrides.active && last_error().find(words) != std::string::npos &&
           last_error().find('\n') == std::string::npos && c.err == "IDSE error: " + last_error() + "\n";
}

struct HookedPicture {
    Samples<std::int16_t> coded{3}, came_in{4};
    Picture picture;

    explicit HookedPicture(bool both = true, int planes = 3) {
        picture.poc = 0;
        picture.original.bufs = buffers(coded, planes);
        if (both) picture.true_original.bufs = buffers(came_in, planes);
    }
    static std::vector<PelBuf> buffers(Samples<std::int16_t>& samples, int planes) {
        std::vector<PelBuf> all;
        for (int c = 0; c < planes; c++)
            all.push_back({samples.original[c].data(), Samples<std::int16_t>::kStrides[c],
                           unsigned(c ? kWidth / 2 : kWidth), unsigned(c ? kHeight / 2 : kHeight)});
        return all;
    }
};

struct Statistics {
    std::int64_t diff[3] = {1000, -1000, 3};
    std::int64_t count[3] = {800, 0, 10};
};

}  // namespace test
}  // namespace idse
