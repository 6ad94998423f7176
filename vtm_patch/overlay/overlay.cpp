#include "overlay.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "frequency_sse.h"
#include "level_weights.h"
#include "map_file.h"
#include "picture_weights.h"
#include "tools.h"
#include "vvc/weights/fixed_math.h"
#include "weighted_sse.h"

namespace idse {
namespace vtm {

namespace {

using idse::vvc::ChromaFormat;
using idse::vvc::kWeightShift;
using idse::vvc::ShapedWeights;

// MaxCuDQPSubdiv that gives a CTU of 128x128 quantisation groups of 64x64: every quad split adds 2.
constexpr int kQpSubdiv = 2;

struct Position {
    int component;
    int x;
    int y;
};

// Everything of one encode.
struct State {
    bool active = false;
    bool progress_lines = false;
    Stream stream;
    MapFile map;
    unsigned tools = 0;
    idse::vvc::WeightShaping shaping;
    unsigned frequency = 0;               // of FrequencyScope; 0 where no frame's profile acts
    unsigned acting[3] = {};              // the same of the picture's planes
    double mean_chroma_gain[2] = {1, 1};  // geometric mean over the frames: what the QP offsets stand for
    PictureWeights weights;
    TileTables tiles[3];
    LevelWeights levels[3];
    OriginalPlane planes[kMaxPlanes];
    int plane_count = 0;
    std::uint64_t calls = 0;
    std::uint64_t weighted_calls = 0;
    std::uint64_t filter_calls = 0;  // samples of ALF's statistics, blocks of SAO's
    std::uint64_t weighted_filter_calls = 0;
};

State& state() {
    static State the_state;
    return the_state;
}

ProgressCallback& progress_callback() {
    static ProgressCallback callback;
    return callback;
}

std::string& error_text() {
    static std::string text;
    return text;
}

ChromaFormat chroma_format(const Stream& stream) {
    return stream.components == 1 ? ChromaFormat::k400 : ChromaFormat::k420;
}

ShapedWeights shaped_frame(const State& s, int frame) {
    return idse::vvc::shape_weights(s.map.frame(frame), s.stream.width, s.stream.height,
                                    chroma_format(s.stream), s.shaping);
}

bool is_plain(const ShapedWeights& shaped) {
    for (const std::vector<double>& plane : shaped.planes)
        if (std::any_of(plane.begin(), plane.end(), [](double w) { return w != 1; })) return false;
    return shaped.chroma_gain[0] == 1 && shaped.chroma_gain[1] == 1;
}

PictureWeights picture_weights(const State& s, const ShapedWeights& shaped) {
    double scale[2] = {1, 1};
    for (int c = 0; c < 2; c++) {
        scale[c] = shaped.chroma_gain[c];
        if (s.tools & kChromaQp) scale[c] /= s.mean_chroma_gain[c];
    }
    return PictureWeights(shaped, s.stream.width, s.stream.height, s.stream.components, s.tools, scale,
                          s.shaping.clip_qp);
}

// The native encoder's checks of the same values would not name the options.
void check_profile_options(const Options& o) {
    using idse::vvc::WeightShaping;
    if (!(o.gamma >= 0 && o.gamma <= WeightShaping::kMaxGamma))
        throw std::invalid_argument("IDSEGamma: must be 0..2");
    if (!(o.profile_floor >= WeightShaping::kMinProfileFloor && o.profile_floor <= 1))
        throw std::invalid_argument("IDSEProfileFloor: must be 1/4096..1");
}

void check_stream(const State& s) {
    const Stream& stream = s.stream;
    if (s.map.width != stream.width || s.map.height != stream.height)
        throw std::runtime_error("the weight map is for pictures of " + std::to_string(s.map.width) + "x" +
                                 std::to_string(s.map.height) + ", these have " +
                                 std::to_string(stream.width) + "x" + std::to_string(stream.height) +
                                 ": make the input's own with 'idse map'");
    if (stream.frames > s.map.frames)
        throw std::runtime_error("the weight map has " + std::to_string(s.map.frames) + " frames, " +
                                 std::to_string(stream.frames) +
                                 " are to be coded: make the input's own with 'idse map'");
    if (stream.components == 3 && !stream.chroma_420)
        throw std::runtime_error("weight maps need 4:2:0 or 4:0:0: convert the input");
    if (stream.other_weights)
        throw std::runtime_error(
            "a weight map excludes VTM's own adaptive QP: switch off AdaptiveQP, PerceptQPA, RateControl and "
            "LumaLevelToDeltaQPMode");
}

// Shapes every frame: what is wrong with any of them is found before the first is coded. Returns whether any
// has weights.
bool examine(State& s, Overrides& overrides) {
    bool weighted = false, profiled = false, qp_varies = false;
    double log2_gain[2] = {0, 0};
    for (int f = 0; f < s.map.frames; f++) {
        const ShapedWeights shaped = shaped_frame(s, f);
        for (int c = 0; c < 2; c++)
            log2_gain[c] += idse::vvc::portable_log2(shaped.chroma_gain[c]) / s.map.frames;
        weighted |= !is_plain(shaped);
        profiled |= !shaped.gains.empty();
        if (weighted && (s.tools & kQp) && !qp_varies) qp_varies = picture_weights(s, shaped).qp_varies();
    }
    if (!profiled) s.frequency = 0;
    if ((!weighted || !s.tools) && !s.frequency) return false;
    for (int c = 0; c < 2; c++) {
        s.mean_chroma_gain[c] = idse::vvc::portable_exp2(log2_gain[c]);
        if (s.tools & kChromaQp)
            overrides.chroma_qp_offset[c] = idse::vvc::qp_offset_of_gain(s.mean_chroma_gain[c]);
    }
    overrides.chroma_qp_offset[2] = (overrides.chroma_qp_offset[0] + overrides.chroma_qp_offset[1]) / 2;
    overrides.min_qp_subdiv = qp_varies ? kQpSubdiv : 0;
    overrides.active = true;
    return true;
}

// Where an address of the original lies in the picture.
bool locate(const void* address, Position& position) {
    const State& s = state();
    const auto p = reinterpret_cast<std::uintptr_t>(address);
    for (int i = 0; i < s.plane_count; i++) {
        const OriginalPlane& plane = s.planes[i];
        const auto begin = reinterpret_cast<std::uintptr_t>(plane.samples);
        const auto row = std::uintptr_t(plane.stride) * plane.sample_size;
        if (p < begin || p >= begin + row * std::uintptr_t(plane.height)) continue;
        position.component = plane.component;
        position.y = int((p - begin) / row);
        position.x = int((p - begin) % row / plane.sample_size);
        return true;
    }
    return false;
}

template <class Pel>
bool distortion_of(int c, const Pel* org, std::ptrdiff_t org_stride, const Pel* cur,
                   std::ptrdiff_t cur_stride, int w, int h, std::uint64_t& distortion) {
    State& s = state();
    s.calls++;
    Position position;
    if (!locate(org, position) || position.component != c) return false;
    s.weighted_calls++;
    const idse::vvc::Block block{position.x, position.y, w, h};
    const std::int64_t weighted =
        s.acting[c] & kFrequencyRdo
            ? frequency_sse(s.weights.distortion(c), s.tiles[c], block, org, org_stride, cur, cur_stride)
            : weighted_sse(s.weights.distortion(c), block, org, org_stride, cur, cur_stride);
    distortion = std::uint64_t((weighted + (1 << (kWeightShift - 1))) >> kWeightShift);
    return true;
}

void configure_or_throw(State& s, Overrides& overrides) {
    const Options& o = options();
    s.tools = parse_tools(o.tools.empty() ? "all" : o.tools);
    s.shaping.tau = o.tau;
    s.shaping.exponent = o.exponent;
    s.shaping.clip_qp = o.clip_qp;
    s.frequency = parse_frequency_scope(o.frequency.empty() ? "all" : o.frequency);
    check_profile_options(o);
    s.shaping.gamma = o.gamma;
    s.shaping.profile_floor = o.profile_floor;
    if (o.map_file.empty()) return;
    s.map = read_map(o.map_file);
    check_stream(s);
    s.active = examine(s, overrides);
    if (!s.active) {
        std::printf(s.tools ? "IDSE weight map is uniform: not used\n"
                            : "IDSE tools are none: weight map not used\n");
        return;
    }
    const int unit = 1 << s.map.log2_unit;
    std::printf(
        "IDSE weight map: cells of %dx%d, %d planes, %d frames, tau %g, exponent %g, clip %g QP, tools %s, "
        "LMCS off\n",
        unit, unit, s.map.planes, s.map.frames, o.tau, o.exponent, o.clip_qp, tool_names(s.tools).c_str());
    if (s.frequency)
        std::printf("IDSE frequency weights: %d planes, gamma %g, floor %g, %s\n", s.map.profile_planes,
                    o.gamma, o.profile_floor, frequency_scope_names(s.frequency).c_str());
    std::printf("IDSE chroma QP offset: cb %d cr %d\n", overrides.chroma_qp_offset[0],
                overrides.chroma_qp_offset[1]);
}

}  // namespace

Options& options() {
    static Options the_options;
    return the_options;
}

const std::string& last_error() {
    return error_text();
}

bool configure(const Stream& stream, Overrides& overrides) {
    State& s = state();
    s = State();
    current_level_weights() = nullptr;
    s.stream = stream;
    s.progress_lines = options().progress;
    overrides = Overrides();
    error_text().clear();
    try {
        configure_or_throw(s, overrides);
    } catch (const std::exception& e) {
        s = State();
        error_text() = e.what();
        std::fflush(stdout);
        std::fprintf(stderr, "IDSE error: %s\n", e.what());
        return false;
    }
    std::fflush(stdout);
    return true;
}

bool active() {
    return state().active;
}

void start_picture(const OriginalPlane* planes, int count, int poc) {
    State& s = state();
    if (!s.active) return;
    if (poc < 0 || poc >= s.map.frames)
        throw std::runtime_error("IDSE error: the weight map has no frame " + std::to_string(poc) +
                                 ": make the input's own with 'idse map'");
    s.plane_count = std::min(count, kMaxPlanes);
    std::copy(planes, planes + s.plane_count, s.planes);
    const ShapedWeights shaped = shaped_frame(s, poc);
    s.weights = picture_weights(s, shaped);
    for (int c = 0; c < s.stream.components; c++) {
        s.acting[c] = shaped.gains.empty() || shaped.gains[size_t(c)].is_flat() ? 0 : s.frequency;
        if (s.acting[c] & kFrequencyRdo) s.tiles[c] = TileTables(shaped.gains[size_t(c)]);
        if (s.acting[c] & kFrequencyQuant) s.levels[c] = LevelWeights(shaped.gains[size_t(c)]);
    }
}

void set_progress(ProgressCallback callback) {
    progress_callback() = std::move(callback);
}

void start_ctu(int number, int count, int poc) {
    if (state().progress_lines) {
        std::printf("\nIDSE progress %d %d %d\n", number, count, poc);
        std::fflush(stdout);
    }
    if (progress_callback() && !progress_callback()(number, count, poc)) throw Interrupted();
}

bool weighted_distortion(int c, const std::int16_t* org, std::ptrdiff_t org_stride, const std::int16_t* cur,
                         std::ptrdiff_t cur_stride, int w, int h, std::uint64_t& distortion) {
    return distortion_of(c, org, org_stride, cur, cur_stride, w, h, distortion);
}

bool weighted_distortion(int c, const std::int32_t* org, std::ptrdiff_t org_stride, const std::int32_t* cur,
                         std::ptrdiff_t cur_stride, int w, int h, std::uint64_t& distortion) {
    return distortion_of(c, org, org_stride, cur, cur_stride, w, h, distortion);
}

double quant_lambda_scale(int c, int x, int y, int w, int h) {
    return state().active ? 1 / state().weights.quant_weight(c, {x, y, w, h}) : 1;
}

bool frequency_levels() {
    return state().active && (state().frequency & kFrequencyQuant);
}

const double* level_weights(int c, int w, int h) {
    return frequency_levels() && (state().acting[c] & kFrequencyQuant) ? state().levels[c].of(w, h) : nullptr;
}

const double*& current_level_weights() {
    static const double* table = nullptr;
    return table;
}

double satd_lambda_scale(int x, int y, int w, int h) {
    return state().active ? 1 / std::sqrt(state().weights.satd_weight({x, y, w, h})) : 1;
}

int qp_delta(int x, int y, int w, int h) {
    return state().active ? state().weights.qp_delta({x, y, w, h}) : 0;
}

bool alf_weighted() {
    return state().active && (state().tools & kAlf);
}

double alf_weight(const void* org) {
    State& s = state();
    s.filter_calls++;
    Position position;
    if (!locate(org, position)) return 1;
    s.weighted_filter_calls++;
    return s.weights.alf_weight(position.component, position.x, position.y);
}

double sao_weight(int c, const void* org, int w, int h) {
    State& s = state();
    if (!s.active || !(s.tools & kSao)) return 1;
    s.filter_calls++;
    Position position;
    if (!locate(org, position) || position.component != c) return 1;
    s.weighted_filter_calls++;
    return s.weights.sao_weight(c, {position.x, position.y, w, h});
}

void report() {
    const State& s = state();
    if (!s.active) return;
    const auto line = [](const char* what, std::uint64_t weighted, std::uint64_t all) {
        std::printf("IDSE weighted %s calls: %llu of %llu (%.2f %%)\n", what, (unsigned long long)weighted,
                    (unsigned long long)all, all ? 100.0 * double(weighted) / double(all) : 100.0);
    };
    std::printf("\n");
    line("distortion", s.weighted_calls, s.calls);
    line("loop filter", s.weighted_filter_calls, s.filter_calls);
    std::fflush(stdout);
}

}  // namespace vtm
}  // namespace idse
