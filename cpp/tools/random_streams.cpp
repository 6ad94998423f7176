// Encodes random pictures with random settings and weights and checks what must hold without a decoder: made
// for sanitizer builds. Sample-exactness against decoders is scripts/conformance.py.
//
// usage: random_streams [COUNT [SEED [FIRST]]]    case i follows from the seed and i alone; FIRST repeats one
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "vvc/encoder.h"

namespace {

using namespace idse::vvc;

class Random {
  public:
    Random(std::uint64_t seed, std::uint64_t index) : engine_(seed * 0x9E3779B97F4A7C15u + index) {}
    int integer(int low, int high) { return low + int(engine_() % std::uint64_t(high - low + 1)); }
    double real() { return double(engine_() >> 11) * 0x1p-53; }
    bool chance(double p) { return real() < p; }
    double pick(std::initializer_list<double> values) {
        return values.begin()[integer(0, int(values.size()) - 1)];
    }

  private:
    std::mt19937_64 engine_;
};

// A case owns the samples and weights that its frames point to.
struct Case {
    int width = 0;
    int height = 0;
    int depth = 8;
    ChromaFormat chroma = ChromaFormat::k420;
    std::vector<std::vector<std::uint16_t>> samples;
    std::vector<std::vector<float>> values;
    std::vector<SourceFrame> frames;
    std::vector<FrameWeights> weights;
    Settings settings;
};

enum class Content { kFlat, kGradient, kNoise, kExtremes, kBlocks, kWaves, kCount };

std::vector<std::uint16_t> make_plane(Random& random, int width, int height, int depth) {
    const int peak = (1 << depth) - 1;
    const auto content = Content(random.integer(0, int(Content::kCount) - 1));
    std::vector<std::uint16_t> plane(size_t(width) * size_t(height));
    const double base = random.real() * peak;
    const double a = (random.real() - 0.5) * 8;
    const double b = (random.real() - 0.5) * 8;
    const double strength = random.real() * peak / 2;
    const int cell = 1 << random.integer(0, 4);
    const std::uint64_t salt = std::uint64_t(random.integer(1, 1 << 30));
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            double v = base;
            const std::uint64_t hash =
                ((std::uint64_t(y / cell) * 73856093u) ^ (std::uint64_t(x / cell) * 19349663u) ^ salt) *
                0x9E3779B97F4A7C15u;
            switch (content) {
                case Content::kGradient:
                    v = base + a * x + b * y;
                    break;
                case Content::kNoise:
                    v = base + (random.real() - 0.5) * strength * 2;
                    break;
                case Content::kExtremes:
                    v = random.chance(0.5) ? peak : 0;
                    break;
                case Content::kBlocks:
                    v = double(hash >> 54) / 1023 * peak;
                    break;
                case Content::kWaves:
                    v = base + strength * std::sin(a * x / 4 + b * y / 4);
                    break;
                default:
                    break;
            }
            plane[size_t(y) * size_t(width) + size_t(x)] =
                std::uint16_t(std::clamp(int(std::lround(v)), 0, peak));
        }
    }
    return plane;
}

Settings make_settings(Random& random) {
    Settings s;
    s.qp = random.integer(0, 63);
    s.preset = random.integer(0, 4);
    s.threads = random.integer(1, 4);
    s.ctu_size = random.chance(0.5) ? 64 : 128;
    s.dual_tree = random.chance(0.6);
    s.cclm = random.chance(0.7);
    s.dependent_quant = random.chance(0.6);
    s.transform_skip = random.chance(0.6);
    s.deblocking = random.chance(0.7);
    s.wpp = random.chance(0.4);
    s.md5_sei = random.chance(0.7);
    s.cb_qp_offset = random.chance(0.3) ? random.integer(-12, 12) : 0;
    s.cr_qp_offset = random.chance(0.3) ? random.integer(-12, 12) : 0;
    s.weight_scope = random.chance(0.5) ? unsigned(kWeightAll) : unsigned(random.integer(0, 7));
    s.shaping.tau = random.pick({0, 0.2, 1, std::numeric_limits<double>::infinity()});
    s.shaping.exponent = random.pick({0, 0.5, 1, 2});
    s.shaping.clip_qp = random.pick({0, 3, 6, 12});
    if (random.chance(0.05)) s.target_bytes = random.integer(40, 4000);
    return s;
}

// Weights over frequency, from numbers of their own so that the rest of a case stays what it was.
void add_profiles(Random& random, Case& made, FrameWeights& weights) {
    if (random.chance(0.5)) return;
    const double spread = random.pick({1, 4, 12});
    const double slope = random.pick({0, 0.2, 0.6});
    const double share_of_zeros = random.pick({0, 0, 0.3});
    const int planes = made.chroma == ChromaFormat::k420 && random.chance(0.7) ? 3 : 1;
    for (int p = 0; p < planes; p++) {
        std::vector<float> profile(64);
        for (size_t i = 0; i < profile.size(); i++)
            profile[i] =
                random.chance(share_of_zeros)
                    ? 0
                    : float(std::exp2((random.real() - 0.5) * spread - slope * double(i % 8 + i / 8)));
        profile[0] = 1;
        made.values.push_back(std::move(profile));
        weights.profiles[p] = made.values.back().data();
    }
}

void add_frequency_settings(Random& random, Settings& s) {
    s.shaping.gamma = random.pick({0, 0.5, 0.5, 1, 2});
    s.shaping.profile_floor = random.pick({1.0 / 4096, 1.0 / 256, 0.1});
    s.frequency_scope = random.chance(0.7) ? unsigned(kFrequencyAll) : unsigned(random.integer(0, 3));
    s.scaling_lists = ScalingListUse(random.integer(0, 2));
}

void add_weights(Random& random, Case& made) {
    FrameWeights weights;
    weights.log2_unit = random.integer(0, 7);
    const int unit = 1 << weights.log2_unit;
    const size_t cells = size_t((made.width + unit - 1) / unit) * size_t((made.height + unit - 1) / unit);
    const int planes = made.chroma == ChromaFormat::k420 && random.chance(0.5) ? 3 : 1;
    const double spread = random.pick({0.1, 1, 6, 20});
    const double share_of_zeros = random.pick({0, 0, 0.3});
    for (int p = 0; p < planes; p++) {
        std::vector<float> w(cells);
        for (auto& v : w)
            v = random.chance(share_of_zeros) ? 0 : float(std::exp2((random.real() - 0.5) * spread));
        w[0] = 1;
        made.values.push_back(std::move(w));
        weights.planes[p] = made.values.back().data();
    }
    if (random.chance(0.3)) {
        weights.tile_rank = random.integer(1, 8);
        const size_t tiles = size_t((made.width + 7) / 8) * size_t((made.height + 7) / 8);
        std::vector<float> factors(tiles * size_t(weights.tile_rank) * 64);
        for (auto& v : factors) v = float((random.real() - 0.5) * 4);
        made.values.push_back(std::move(factors));
        weights.tiles = made.values.back().data();
    }
    made.weights.push_back(weights);
}

Case make_case(std::uint64_t seed, std::uint64_t index) {
    Random random(seed, index);
    Case made;
    made.chroma = random.chance(0.3) ? ChromaFormat::k400 : ChromaFormat::k420;
    const bool small = random.chance(0.7);
    const auto side = [&] {
        const int s = random.integer(8, small ? 72 : 200);
        return made.chroma == ChromaFormat::k420 ? s / 2 * 2 : s;
    };
    made.width = side();
    made.height = side();
    made.depth = random.chance(0.5) ? 8 : 10;
    made.settings = make_settings(random);
    const int count = random.chance(0.7) ? 1 : random.integer(2, 3);
    const bool weighted = random.chance(0.7);
    made.samples.reserve(size_t(count) * 3);
    made.values.reserve(size_t(count) * 7);
    Random apart(seed ^ 0x66726571, index);
    add_frequency_settings(apart, made.settings);
    for (int i = 0; i < count; i++) {
        SourceFrame frame;
        frame.width = made.width;
        frame.height = made.height;
        frame.bit_depth = made.depth;
        frame.chroma_format = made.chroma;
        for (int p = 0; p < (made.chroma == ChromaFormat::k400 ? 1 : 3); p++) {
            const int shift = p == 0 ? 0 : 1;
            made.samples.push_back(make_plane(random, made.width >> shift, made.height >> shift, made.depth));
            frame.planes[p] = made.samples.back().data();
        }
        made.frames.push_back(frame);
        if (weighted) add_weights(random, made);
        if (weighted && i > 0 && apart.chance(0.4))  // the lists of the frame before serve again
            std::copy_n(made.weights[size_t(i - 1)].profiles, 3, made.weights.back().profiles);
        else if (weighted)
            add_profiles(apart, made, made.weights.back());
    }
    return made;
}

std::string describe(const Case& c) {
    const Settings& s = c.settings;
    std::ostringstream out;
    out << c.width << "x" << c.height << (c.chroma == ChromaFormat::k400 ? " 400 " : " 420 ") << c.depth
        << " bit, " << c.frames.size() << " frame(s); qp " << s.qp << " target " << s.target_bytes
        << " preset " << s.preset << " threads " << s.threads << " ctu " << s.ctu_size << " dual "
        << s.dual_tree << " cclm " << s.cclm << " dq " << s.dependent_quant << " ts " << s.transform_skip
        << " deblocking " << s.deblocking << " wpp " << s.wpp << " md5 " << s.md5_sei << " cb "
        << s.cb_qp_offset << " cr " << s.cr_qp_offset << " scope " << s.weight_scope << " tau "
        << s.shaping.tau << " exponent " << s.shaping.exponent << " clip " << s.shaping.clip_qp;
    if (!c.weights.empty())
        out << "; weights 2^" << c.weights[0].log2_unit << " rank " << c.weights[0].tile_rank << " profile "
            << (c.weights[0].profiles[0] != nullptr) << " gamma " << s.shaping.gamma << " lists "
            << int(s.scaling_lists) << " frequency scope " << s.frequency_scope;
    return out.str();
}

// PSNR of a plane against the source shifted to 10 bit, as EncodedFrame promises it.
double psnr(const std::vector<std::uint16_t>& recon, const std::uint16_t* source, int depth) {
    double sse = 0;
    for (size_t i = 0; i < recon.size(); i++) {
        const double e = double(recon[i]) - double(int(source[i]) << (kBitDepth - depth));
        sse += e * e;
    }
    return sse == 0 ? std::numeric_limits<double>::infinity()
                    : 10 * std::log10(1020.0 * 1020.0 * double(recon.size()) / sse);
}

std::string check_stream(const Case& c, const EncodedStream& stream) {
    if (stream.frames.size() != c.frames.size()) return "number of frames";
    std::int64_t bytes = 0;
    for (size_t i = 0; i < stream.frames.size(); i++) {
        const EncodedFrame& frame = stream.frames[i];
        bytes += frame.bytes;
        for (int p = 0; p < 3; p++) {
            const int shift = p == 0 ? 0 : 1;
            const bool there = p == 0 || c.chroma == ChromaFormat::k420;
            const size_t size = there ? size_t(c.width >> shift) * size_t(c.height >> shift) : 0;
            if (frame.planes[p].size() != size) return "size of a reconstructed plane";
            for (const auto v : frame.planes[p])
                if (v > kMaxSample) return "a reconstructed sample above the greatest";
            if (!there) continue;
            const double found = psnr(frame.planes[p], c.frames[i].planes[p], c.depth);
            if (found != frame.psnr[p] && !(std::abs(found - frame.psnr[p]) < 1e-6)) return "PSNR";
        }
    }
    if (bytes > std::int64_t(stream.bytes.size())) return "frames have more bytes than the stream";
    int zeros = 0;  // emulation prevention: 00 00 0x only as a start code
    for (size_t i = 0; i < stream.bytes.size(); i++) {
        const std::uint8_t b = stream.bytes[i];
        if (zeros >= 2 && b == 2) return "emulated start code";
        zeros = b == 0 ? zeros + 1 : 0;
        if (zeros > 3) return "four zero bytes in a row";
    }
    return "";
}

// Of all streams and reconstructions (FNV-1a): a change of the encoder that is to leave them alone leaves
// this alone.
class Digest {
  public:
    void add(const EncodedStream& stream) {
        for (const std::uint8_t b : stream.bytes) add(b);
        for (const EncodedFrame& frame : stream.frames)
            for (const auto& plane : frame.planes)
                for (const std::uint16_t v : plane) add(v);
    }
    std::string text() const {
        std::ostringstream out;
        out << std::hex << state_;
        return out.str();
    }

  private:
    void add(std::uint64_t value) { state_ = (state_ ^ value) * 0x100000001b3u; }
    std::uint64_t state_ = 0xcbf29ce484222325u;
};

// Empty, or what is wrong.
std::string run(std::uint64_t seed, std::uint64_t index, std::int64_t& bytes, Digest& digest) {
    Case c = make_case(seed, index);
    const EncodedStream first = encode(c.frames, c.weights, c.settings);
    bytes += std::int64_t(first.bytes.size());
    digest.add(first);
    if (auto wrong = check_stream(c, first); !wrong.empty()) return wrong;

    Settings other = c.settings;
    other.threads = c.settings.threads % 4 + 1;
    if (encode(c.frames, c.weights, other).bytes != first.bytes)
        return "bytes depend on the number of threads";

    // Without weights over frequency a profile is none.
    if (!c.weights.empty() && c.weights[0].profiles[0]) {
        other = c.settings;
        other.shaping.gamma = 0;
        std::vector<FrameWeights> places = c.weights;
        for (auto& w : places) std::fill_n(w.profiles, 3, nullptr);
        if (encode(c.frames, c.weights, other).bytes != encode(c.frames, places, c.settings).bytes)
            return "gamma 0 is not the map without its profile";
    }

    // Weights that say the same everywhere, in any shaping and scope, are no weights.
    if (index % 3 == 0) {
        const auto plain = encode(c.frames, {}, c.settings).bytes;
        const int unit = 1 << 3;
        const size_t cells = size_t((c.width + unit - 1) / unit) * size_t((c.height + unit - 1) / unit);
        const std::vector<float> same(cells, 0.37f);
        FrameWeights uniform;
        uniform.planes[0] = same.data();
        if (c.chroma == ChromaFormat::k420 && index % 2 == 0)
            uniform.planes[1] = uniform.planes[2] = same.data();
        if (encode(c.frames, std::vector<FrameWeights>(c.frames.size(), uniform), c.settings).bytes != plain)
            return "uniform weights change the bytes";
        other = c.settings;
        other.shaping.exponent = 0;
        std::vector<FrameWeights> luma_only = c.weights;
        for (auto& w : luma_only) {
            w.planes[1] = w.planes[2] = nullptr;
            std::fill_n(w.profiles, 3, nullptr);
            w.tiles = nullptr;
            w.tile_rank = 0;
        }
        if (!luma_only.empty() && encode(c.frames, luma_only, other).bytes != plain)
            return "exponent 0 is not plain squared error";
    }
    return "";
}

}  // namespace

int main(int argc, char** argv) {
    const auto argument = [&](int i, std::uint64_t otherwise) {
        return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
    };
    const std::uint64_t count = argument(1, 100);
    const std::uint64_t seed = argument(2, 1);
    const std::uint64_t first = argument(3, 0);
    int failures = 0;
    std::int64_t bytes = 0;
    Digest digest;
    for (std::uint64_t index = first; index < first + count; index++) {
        std::string wrong;
        if (std::getenv("IDSE_VERBOSE") != nullptr)
            std::cerr << index << ": " << describe(make_case(seed, index)) << "\n";
        try {
            wrong = run(seed, index, bytes, digest);
        } catch (const std::exception& error) {
            wrong = std::string("exception: ") + error.what();
        }
        if (wrong.empty()) continue;
        failures++;
        std::cout << "FAIL " << index << ": " << wrong << "\n  " << describe(make_case(seed, index))
                  << "\n  repeat: " << argv[0] << " 1 " << seed << " " << index << "\n";
    }
    std::cout << count << " random streams of seed " << seed << ", " << bytes << " bytes, digest "
              << digest.text() << ", " << failures << " failed\n";
    return failures == 0 ? 0 : 1;
}
