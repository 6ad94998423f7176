// What the lines inserted into VTM call. C++11 and free of VTM's and the encoder's types: VTM 8.2 and 10.0
// are compiled as C++11.
//
// One encode at a time in a process: VTM has process-wide state, and so has this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

namespace idse {
namespace vtm {

// Values of the command line's --IDSE options; their defaults are the native encoder's.
struct Options {
    std::string map_file;              // IDSEWeightMap: IDSEW001, empty = plain squared error
    double tau = 0.2;                  // IDSETau
    double exponent = 0.5;             // IDSEExponent
    double clip_qp = 6;                // IDSEClipQP
    std::string tools;                 // IDSETools
    double gamma = 0.75;               // IDSEGamma
    double profile_floor = 1.0 / 256;  // IDSEProfileFloor
    std::string frequency;             // IDSEFrequency
    bool progress = false;             // IDSEProgress: a line per CTU
};
Options& options();

// Of the stream to be coded, as VTM's configuration says.
struct Stream {
    int width = 0;  // luma samples, without padding
    int height = 0;
    int components = 3;  // 1 for 4:0:0
    bool chroma_420 = true;
    int frames = 0;  // to be coded; 0 = not known
    // Whether VTM itself is to change QPs or weights within the picture, which the map then cannot.
    bool other_weights = false;
};

// What the configuration has to become with a map that isn't uniform.
struct Overrides {
    bool active = false;                  // false: change nothing
    int min_qp_subdiv = 0;                // at least this MaxCuDQPSubdiv; 0: QPs don't vary
    int chroma_qp_offset[3] = {0, 0, 0};  // to be added to those of Cb, Cr and joint CbCr
};

// Reads and shapes the map that options() names, forgets everything of an encode before, and says on standard
// output what will be done. False after a mistake of the user, with one line on standard error (see
// last_error()).
bool configure(const Stream& stream, Overrides& overrides);
const std::string& last_error();

// Whether weights act at all; all below does nothing and costs next to nothing without.
bool active();

// The next picture. planes: its original samples, whose addresses say where a block lies. VTM may hold them
// twice: what is coded (which a temporal filter has changed), and what came in, for the loop filters.
struct OriginalPlane {
    int component = 0;
    const void* samples = nullptr;
    std::ptrdiff_t stride = 0;  // samples
    int height = 0;
    std::size_t sample_size = 2;  // bytes
};
constexpr int kMaxPlanes = 6;
// Throws std::runtime_error where the map has no such frame. At most kMaxPlanes.
void start_picture(const OriginalPlane* planes, int count, int poc);

// Called before each CTU. Throws Interrupted when the callback says so.
void start_ctu(int number, int count, int poc);
struct Interrupted : std::runtime_error {
    Interrupted() : std::runtime_error("interrupted") {}
};
// CTUs done, CTUs of the picture, POC; false stops the encode. Null: none.
using ProgressCallback = std::function<bool(int, int, int)>;
void set_progress(ProgressCallback callback);

// Weighted squared error of a w x h block of component c against its original, in VTM's unit (before the
// component's own weight). False where `org` isn't within the picture's original: then it's plain squared
// error, and counted as that.
bool weighted_distortion(int c, const std::int16_t* org, std::ptrdiff_t org_stride, const std::int16_t* cur,
                         std::ptrdiff_t cur_stride, int w, int h, std::uint64_t& distortion);
bool weighted_distortion(int c, const std::int32_t* org, std::ptrdiff_t org_stride, const std::int32_t* cur,
                         std::ptrdiff_t cur_stride, int w, int h, std::uint64_t& distortion);

// 1 / w of a transform block, for the quantiser's lambda. x, y in samples of the component.
double quant_lambda_scale(int c, int x, int y, int w, int h);

// Whether the level choice counts errors with weights over frequency.
bool frequency_levels();
// The table of a block's coefficients, row-major; null where they all weigh the same.
const double* level_weights(int c, int w, int h);
// The table of the block that the quantiser works on.
const double*& current_level_weights();
// What it says of a coefficient; 1 without a table.
inline double level_weight(unsigned position) {
    const double* const table = current_level_weights();
    return table ? table[position] : 1.0;
}
// What sign hiding has to add to a level's rounding error (units of 2^-8 steps, towards the other level; the
// increase of squared error by changing it is 128 + delta) with the weight of its coefficient. step: of the
// coefficient's quantiser, relative to that of a flat scaling list.
inline std::int64_t sign_hiding_extra(std::int64_t delta, unsigned position, double step) {
    if (!current_level_weights()) return 0;
    const double weight = level_weight(position) * step * step;
    return std::int64_t(weight * double(128 + delta)) - 128 - delta;
}

// 1 / sqrt(w) of a luma block: SATD is a sum of magnitudes.
double satd_lambda_scale(int x, int y, int w, int h);
// QP delta of a luma block.
int qp_delta(int x, int y, int w, int h);
// Whether ALF's statistics are weighted, and the weight of the sample at this address of the picture's
// original.
bool alf_weighted();
double alf_weight(const void* org);
// The mean weight of a block for SAO's statistics.
double sao_weight(int c, const void* org, int w, int h);

// Prints the shares of distortion and of loop filter calls that were weighted.
void report();

}  // namespace vtm
}  // namespace idse
