// Drives the VTM that this is linked with: what its executable does with one layer, as a function.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "capture.h"

namespace idse::vtm {

// What VTM or the overlay has to complain of.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Codes what the arguments say (those of the executable, without its name). Lines that VTM prints go to
// `sink`. Throws Failure; Interrupted where the overlay's progress callback ends it. One at a time in a
// process.
void run_encoder(const std::vector<std::string>& arguments, const LineSink& sink);

const char* encoder_version();

}  // namespace idse::vtm
