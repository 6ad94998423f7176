// Reader of weight maps, format IDSEW001.
#pragma once

#include <cstddef>
#include <istream>
#include <string>
#include <vector>

#include "vvc/weights/frame_weights.h"

namespace idse {
namespace vtm {

// Raw importance of the pictures of a stream, as the file has it.
//
// The file: magic "IDSEW001"; little-endian u32 width and height of the pictures in luma samples, frames,
// log2 of the unit (a cell covers unit x unit luma samples), planes (1 or 3); then per frame and plane a
// raster of ceil(width / unit) x ceil(height / unit) float32. What follows the rasters (origin, tiles) isn't
// read.
struct MapFile {
    int width = 0;
    int height = 0;
    int frames = 0;
    int log2_unit = 0;
    int planes = 0;
    std::vector<float> values;

    size_t cells() const;
    // One frame for the native encoder's shaping; points into `values`.
    idse::vvc::FrameWeights frame(int number) const;
};

// Throws std::runtime_error with a message for the user: no such file, no map, truncated, header out of
// range.
MapFile read_map(const std::string& path);
// The same from a stream; name: for the messages.
MapFile read_map(std::istream& file, const std::string& name);

}  // namespace vtm
}  // namespace idse
