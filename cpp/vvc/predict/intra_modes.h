// Which mode a number means where: MPM list, chroma mode list, wide angles.
#pragma once

#include <array>

#include "../types.h"

namespace idse::vvc {

// The six candidates of clause 8.4.2; entry 0 is always planar.
struct MpmList {
    std::array<int, 6> modes;
};
// left, above: IntraPredModeY of the neighbours, kPlanar where not available (above also when outside the
// CTU).
MpmList make_mpm_list(int left, int above);

// How a luma mode is signalled (clause 7.3.11.5): mpm_idx 0..5, or -1 and mpm_remainder 0..60.
struct LumaModeCode {
    int mpm_idx;
    int mpm_remainder;
};
LumaModeCode code_of_luma_mode(int mode, const MpmList& mpm);

// The four explicit chroma modes {planar, 50, 18, 1}, the one equal to `dm` replaced by 66 (clause 8.4.3).
std::array<int, 4> explicit_chroma_modes(int dm);

// predModeIntra after wide-angle mapping (clause 8.4.5.2.7): -14..-1 and 67..80 for oblong blocks, else
// unchanged.
int wide_angle_mode(int mode, int w, int h);

}  // namespace idse::vvc
