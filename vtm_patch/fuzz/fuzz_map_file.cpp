// Fuzz test of the reader of weight map files: any bytes are either a map, of which every frame is shaped or
// refused, or are refused with a one-line message. With -DIDSE_FUZZ=ON (needs Clang) libFuzzer calls
// LLVMFuzzerTestOneInput(); otherwise standalone.cpp does.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>

#include "map_file.h"
#include "vvc/encode_error.h"
#include "vvc/weights/shaping.h"

namespace {

[[noreturn]] void found(const char* what) {
    std::fprintf(stderr, "FOUND: %s\n", what);
    std::abort();
}

void check_words(const std::string& words) {
    if (words.empty() || words.find('\n') != std::string::npos) found("a refusal that is not one line");
}

// The weights of a whole encode, as the overlay asks for them before the first frame.
void shape(const idse::vtm::MapFile& map) {
    const auto format = map.planes == 1 ? idse::vvc::ChromaFormat::k400 : idse::vvc::ChromaFormat::k420;
    for (int frame = 0; frame < map.frames; frame++) {
        try {
            const auto shaped = idse::vvc::shape_weights(map.frame(frame), map.width, map.height, format, {});
            for (const auto& plane : shaped.planes)
                for (const double w : plane)
                    if (!(w >= 0.2 && w <= 5)) found("a weight beyond the clip");
        } catch (const idse::vvc::EncodeError& refusal) {
            check_words(refusal.what());
        }
        // Also where the planes are refused.
        try {
            for (const auto& gains : idse::vvc::shape_profiles(map.frame(frame), format, {}))
                for (int i = 0; i < idse::vtm::kProfileValues; i++) {
                    const double gain = gains.entry(i % 8, i / 8);
                    if (!(gain >= 1.0 / 16 && gain <= 4)) found("a gain beyond the clip");
                }
        } catch (const idse::vvc::EncodeError& refusal) {
            check_words(refusal.what());
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::istringstream file(std::string(reinterpret_cast<const char*>(data), size));
    idse::vtm::MapFile map;
    try {
        map = idse::vtm::read_map(file, "fuzz");
    } catch (const std::runtime_error& refusal) {
        check_words(refusal.what());
        return 0;
    }
    if (map.values.size() != map.cells() * std::size_t(map.planes) * std::size_t(map.frames))
        found("a map whose size is not what its header says");
    if (map.profiles.size() !=
        std::size_t(map.profile_planes) * std::size_t(map.frames) * idse::vtm::kProfileValues)
        found("profiles whose size is not what their section says");
    if ((map.values.size() + map.profiles.size()) * sizeof(float) > size)
        found("more values than the file has");
    shape(map);
    return 0;
}
