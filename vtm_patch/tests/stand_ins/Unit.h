// Just what hooks.h asks of VTM's units, made up for the tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

using Pel = std::int16_t;
enum ComponentID { COMPONENT_Y, COMPONENT_Cb, COMPONENT_Cr };

struct CompArea {
    int x, y;
    unsigned width, height;
};

struct TransformUnit {
    std::vector<CompArea> blocks;
};

struct PelBuf {
    Pel* buf;
    std::ptrdiff_t stride;
    unsigned width, height;
};

struct PelUnitBuf {
    std::vector<PelBuf> bufs;
};
