// Just what hooks.h asks of VTM's pictures, made up for the tests.
#pragma once

#include "Unit.h"

struct Picture {
    PelUnitBuf original;       // what is coded
    PelUnitBuf true_original;  // what came in
    int poc;

    PelUnitBuf getOrigBuf() { return original; }
    PelUnitBuf getTrueOrigBuf() { return true_original; }
    int getPOC() const { return poc; }
};
