// Reader of weight maps, format IDSEW001.
#pragma once

#include <cstddef>
#include <istream>
#include <string>
#include <vector>

#include "vvc/weights/frame_weights.h"

namespace idse {
namespace vtm {

// Of the frequency profile of a plane.
constexpr int kProfileValues = idse::vvc::kProfileSize * idse::vvc::kProfileSize;

// Raw importance of the pictures of a stream, as the file has it.
//
// The file: magic "IDSEW001"; little-endian u32 width and height of the pictures in luma samples, frames,
// log2 of the unit (a cell covers unit x unit luma samples), planes (1 or 3); then per frame and plane a
// raster of ceil(width / unit) x ceil(height / unit) float32; then sections of four letters, u64 size and so
// many bytes. Of those only "FREQ" is read, the others (origin, tiles) are skipped: u32 planes (1 or 3), then
// per frame and plane 8 x 8 float32, the frequency profile.
struct MapFile {
    int width = 0;
    int height = 0;
    int frames = 0;
    int log2_unit = 0;
    int planes = 0;
    std::vector<float> values;
    int profile_planes = 0;  // 0: no profiles
    std::vector<float> profiles;

    size_t cells() const;
    // One frame for the native encoder's shaping; points into `values` and `profiles`.
    idse::vvc::FrameWeights frame(int number) const;
};

// Throws std::runtime_error with a message for the user: no such file, no map, truncated, header or section
// out of range.
MapFile read_map(const std::string& path);
// The same from a stream; name: for the messages.
MapFile read_map(std::istream& file, const std::string& name);

}  // namespace vtm
}  // namespace idse
