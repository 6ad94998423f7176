// Weights over frequency: profiles and their gains, scaling lists and their APS, level choice and distortion.
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "vvc/bitstream/scaling_aps.h"
#include "vvc/encode_error.h"
#include "vvc/encoder.h"
#include "vvc/search/choose_scaling_lists.h"
#include "vvc/transform/dct.h"
#include "vvc/transform/frequency_table.h"
#include "vvc/transform/quant.h"
#include "vvc/weights/frequency_gains.h"
#include "vvc/weights/shaping.h"

using namespace idse::vvc;

namespace {

std::vector<float> falling_profile(double slope) {
    std::vector<float> p(64);
    for (int i = 0; i < 64; i++) p[size_t(i)] = float(std::exp(-slope * (i % 8 + i / 8)));
    return p;
}

bool near(double a, double b, double tolerance) {
    return std::abs(a - b) <= tolerance;
}

// The syntax of clause 7.3.2.21 and the semantics of 7.4.3.21, read bit by bit.
class ApsReader {
  public:
    explicit ApsReader(const Bytes& bytes) : bytes_(bytes) {}
    ScalingLists read() {
        CHECK_EQ(u(3), 2u);
        id = u(5);
        chroma = u(1) != 0;
        ScalingLists out;
        for (int n = 0; n < kScalingLists; n++)
            if (chroma || n % 3 == 2 || n == 27) read_list(out, n);
        CHECK_EQ(u(1), 0u);
        CHECK_EQ(u(1), 1u);
        return out;
    }
    unsigned id = 0;
    bool chroma = false;
    // Lists whose DC entry FFmpeg would lose (see scaling_aps.cpp).
    int lost_dc = 0;

  private:
    unsigned u(int bits) {
        unsigned v = 0;
        for (; bits > 0; bits--, at_++) v = v << 1 | (bytes_[at_ / 8] >> (7 - at_ % 8) & 1u);
        return v;
    }
    unsigned ue() {
        int zeros = 0;
        while (u(1) == 0) zeros++;
        return (1u << zeros) - 1 + u(zeros);
    }
    int se() {
        const unsigned k = ue();
        return k & 1 ? int(k / 2) + 1 : -int(k / 2);
    }
    void read_list(ScalingLists& out, int n) {
        const int size = ScalingLists::size(n);
        const bool copy = u(1) != 0, predicted = !copy && u(1) != 0;
        int delta = 0;
        if ((copy || predicted) && n != 0 && n != 2 && n != 8) delta = int(ue());
        std::array<std::uint8_t, 64> base;
        int base_dc = 16;
        base.fill(16);
        if (!copy && !predicted) {
            base.fill(8);
            base_dc = 8;
        } else if (delta > 0) {
            base = out.list[size_t(n - delta)];
            base_dc = n - delta > 13 ? out.dc[size_t(n - delta - 14)] : base[0];
        }
        int next = 0;
        if (!copy && n > 13) {
            next = se();
            if (delta == 0 && next != 0) lost_dc++;
        }
        if (n > 13) out.dc[size_t(n - 14)] = std::uint8_t(base_dc + next);
        for (int diagonal = 0; diagonal < 2 * size - 1; diagonal++)
            for (int y = std::min(diagonal, size - 1); y >= 0 && diagonal - y < size; y--) {
                const int x = diagonal - y;
                if (!copy && !(n > 25 && x >= 4 && y >= 4)) next += se();
                const size_t i = size_t(y * size + x);
                out.list[size_t(n)][i] = std::uint8_t(base[i] + (copy ? 0 : next));
            }
    }
    const Bytes& bytes_;
    size_t at_ = 0;
};

// Of the lists that blocks without inter prediction use, whatever they look at.
bool same_factors(const ScalingLists& a, const ScalingLists& b, bool chroma) {
    for (int c = 0; c < (chroma ? 3 : 1); c++)
        for (int log2_w = 2; log2_w <= (c ? 5 : 6); log2_w++)
            for (int log2_h = 2; log2_h <= (c ? 5 : 6); log2_h++) {
                const auto one = a.factors(Component(c), log2_w, log2_h);
                const auto other = b.factors(Component(c), log2_w, log2_h);
                for (int y = 0; y < std::min(1 << log2_h, 32); y++)
                    for (int x = 0; x < std::min(1 << log2_w, 32); x++)
                        if (one[size_t((y << log2_w) + x)] != other[size_t((y << log2_w) + x)]) return false;
            }
    return true;
}

Picture noise_picture(std::mt19937& rng) {
    Picture picture(256, 192, ChromaFormat::k420);
    for (Plane& plane : picture.planes)
        for (int y = 0; y < plane.height(); y++)
            for (int x = 0; x < plane.width(); x++) plane.at(x, y)[0] = Sample(400 + rng() % 200);
    return picture;
}

std::vector<Level> chosen_levels(const std::vector<Coeff>& coeffs, const QuantParams& p, Lambda lambda,
                                 const ContextSet& contexts) {
    std::vector<Level> levels(coeffs.size());
    if (p.dependent_quant)
        quantize_dependent(coeffs.data(), p, lambda, contexts, levels.data());
    else
        quantize_rdoq(coeffs.data(), p, lambda, contexts, levels.data());
    return levels;
}

}  // namespace

TEST(profiles_are_relative_to_their_lowest_frequencies) {
    WeightShaping shaping;
    shaping.gamma = 1;
    std::vector<float> raw(64, 1.0f);
    for (int v = 0; v < 3; v++)
        for (int u = 0; u < 3; u++) raw[size_t(8 * v + u)] = 4.0f;
    raw[63] = 0;
    const FrequencyGains gains(raw.data(), shaping, "luma");
    CHECK(near(gains.entry(0, 0), 1, 1e-12));
    CHECK(near(gains.entry(5, 1), 0.5, 1e-12));       // sqrt(1 / 4)
    CHECK(near(gains.entry(7, 7), 1.0 / 16, 1e-12));  // the floor of 1/256
    shaping.gamma = 0.5;
    CHECK(near(FrequencyGains(raw.data(), shaping, "luma").entry(5, 1), std::sqrt(0.5), 1e-12));
    const std::vector<float> flat(64, 0.3f);
    CHECK(FrequencyGains(flat.data(), shaping, "luma").is_flat());

    for (const float bad : {-1.0f, std::nanf("")}) {
        auto wrong = raw;
        wrong[20] = bad;
        bool refused = false;
        try {
            FrequencyGains(wrong.data(), shaping, "Cb");
        } catch (const EncodeError& e) {
            refused = std::string(e.what()).find("Cb") != std::string::npos;
        }
        CHECK(refused);
    }
}

TEST(gains_lie_in_the_middle_of_their_share_of_the_frequencies) {
    WeightShaping shaping;
    shaping.gamma = 1;
    const auto raw = falling_profile(0.3);
    const FrequencyGains gains(raw.data(), shaping, "luma");
    for (int v = 0; v < 8; v++)
        for (int u = 0; u < 8; u++) CHECK(near(gains.at(u, v, 8, 8), gains.entry(u, v), 1e-12));
    // Of 16: u = (x + .5) / 2 - .5.
    CHECK(near(gains.at(0, 0, 16, 16), gains.entry(0, 0), 1e-12));
    CHECK(near(gains.at(3, 0, 16, 16), 0.75 * gains.entry(1, 0) + 0.25 * gains.entry(2, 0), 1e-12));
    CHECK(near(gains.at(15, 15, 16, 16), gains.entry(7, 7), 1e-12));
    // Of 4: in the middle between two.
    CHECK(near(gains.at(2, 0, 4, 8), 0.5 * (gains.entry(4, 0) + gains.entry(5, 0)), 1e-12));
}

TEST(scaling_lists_come_back_from_their_aps) {
    std::mt19937 rng(5);
    for (int round = 0; round < 300; round++) {
        const bool chroma = round % 3 != 0;
        ScalingLists lists;
        if (round % 2 == 0) {  // what the encoder makes
            WeightShaping shaping;
            shaping.gamma = round % 4 ? 1 : 0.5;
            std::vector<FrequencyGains> gains;
            for (int c = 0; c < 3; c++) {
                auto raw = falling_profile(0.02 * double(rng() % 40));
                for (auto& v : raw) v *= float(1 + rng() % 5);
                gains.emplace_back(raw.data(), shaping, "a plane");
            }
            if (!chroma) gains.resize(1);
            lists = ScalingListChooser().choose(noise_picture(rng), gains, {30, 30, 30}, ScalingListUse::kOn);
        } else {  // anything
            for (int id = 0; id < kScalingLists; id++) {
                if (!chroma && id % 3 != 2 && id != 27) continue;
                const unsigned spread = 1u << rng() % 9;
                for (auto& v : lists.list[size_t(id)])
                    v = std::uint8_t(std::clamp(16 + int(rng() % spread) - int(spread / 2), 1, 255));
                if (id > 13 && rng() % 3 == 0)
                    lists.list[size_t(id)] = lists.list[size_t(id - 6 + int(rng() % 3))];
                if (id > 13)
                    lists.dc[size_t(id - 14)] =
                        rng() % 2 ? lists.list[size_t(id)][0] : std::uint8_t(1 + rng() % 255);
            }
        }
        const Bytes aps = scaling_aps_rbsp(lists, chroma, round % 8);
        ApsReader reader(aps);
        const ScalingLists back = reader.read();
        CHECK_EQ(reader.id, unsigned(round % 8));
        CHECK_EQ(reader.chroma, chroma);
        CHECK(same_factors(lists, back, chroma));
        CHECK_EQ(reader.lost_dc, 0);
    }
}

TEST(blocks_look_their_factors_up_by_their_longer_side) {
    ScalingLists lists;
    for (int id = 8; id < kScalingLists; id++) lists.list[size_t(id)][63] = 200;
    lists.list[14][7] = 99;
    lists.dc[0] = 50;
    const auto eight = lists.factors(Component::kY, 3, 3);
    CHECK_EQ(int(eight[0]), 16);
    CHECK_EQ(int(eight[63]), 200);
    // Larger blocks repeat the 8x8: each entry is 2x2 coefficients of a 16x16 block, 4x2 of 32x16 ...
    const auto square = lists.factors(Component::kY, 4, 4);
    CHECK_EQ(int(square[0]), 50);  // the DC entry of id 14
    CHECK_EQ(int(square[1]), 16);
    CHECK_EQ(int(square[14]), 99);
    CHECK_EQ(int(square[15 * 16 + 15]), 200);
    const auto large = lists.factors(Component::kY, 5, 4);
    CHECK_EQ(int(large[size_t(14 * 32 + 28)]), 200);
    CHECK_EQ(int(large[size_t(13 * 32 + 28)]), 16);
    CHECK_EQ(int(large[size_t(14 * 32 + 27)]), 16);
    CHECK(lists.factors(Component::kCb, 2, 2) == std::vector<std::uint8_t>(16, 16));
}

TEST(lists_are_chosen_by_what_they_save) {
    std::mt19937 rng(23);
    WeightShaping shaping;
    shaping.gamma = 1;
    const auto raw = falling_profile(0.3);
    const std::vector<FrequencyGains> gains(3, FrequencyGains(raw.data(), shaping, "a plane"));
    const Picture noise = noise_picture(rng);
    const Picture flat(noise.planes[0].width(), noise.planes[0].height(), ChromaFormat::k420);
    // A picture without any detail gets none, unless it must; one with much gets them near 16 / gain.
    CHECK(ScalingListChooser().choose(flat, gains, {42, 42, 42}, ScalingListUse::kAuto).is_flat());
    CHECK(!ScalingListChooser().choose(flat, gains, {42, 42, 42}, ScalingListUse::kOn).is_flat());
    CHECK(ScalingListChooser().choose(noise, gains, {20, 20, 20}, ScalingListUse::kOff).is_flat());
    ScalingListChooser chooser;
    const ScalingLists lists = chooser.choose(noise, gains, {20, 20, 20}, ScalingListUse::kAuto);
    CHECK(!lists.is_flat());
    const auto factors = lists.factors(Component::kY, 3, 3);
    for (int v = 0; v < 8; v++)
        for (int u = 0; u < 8; u++)
            CHECK(near(std::log2(factors[size_t(8 * v + u)] * gains[0].entry(u, v) / 16), 0, 0.5));
    // What has been sent costs nothing more.
    const std::vector<FrequencyGains> nearly(
        3, FrequencyGains(falling_profile(0.301).data(), shaping, "a plane"));
    CHECK(chooser.choose(noise, nearly, {20, 20, 20}, ScalingListUse::kAuto) == lists);
}

TEST(dequantisation_with_factors_is_that_of_clause_8_7_3) {
    std::mt19937 rng(9);
    static constexpr int kLevelScaleOf[2][6] = {{40, 45, 51, 57, 64, 72}, {57, 64, 72, 80, 90, 102}};
    for (int round = 0; round < 200; round++) {
        QuantParams p;
        p.log2_w = 2 + int(rng() % 4);
        p.log2_h = 2 + int(rng() % 4);
        p.qp = int(rng() % 76);
        const size_t count = size_t{1} << (p.log2_w + p.log2_h);
        std::vector<std::uint8_t> m(count);
        std::vector<Level> levels(count);
        for (auto& v : m) v = std::uint8_t(1 + rng() % 255);
        for (auto& v : levels) v = Level(rng() % 4 ? 0 : int(rng() % 61) - 30);
        p.factors = m.data();
        std::vector<Coeff> out(count);
        dequantize(levels.data(), p, out.data());
        const int odd = (p.log2_w + p.log2_h) & 1;
        const int shift = kBitDepth + odd + (p.log2_w + p.log2_h) / 2 - 5;
        for (size_t i = 0; i < count; i++) {
            const std::int64_t ls = std::int64_t(m[i]) * kLevelScaleOf[odd][p.qp % 6] << (p.qp / 6);
            const std::int64_t v = (levels[i] * ls + (std::int64_t{1} << (shift - 1))) >> shift;
            CHECK_EQ(std::int64_t(out[i]), std::clamp<std::int64_t>(v, -32768, 32767));
        }
    }
}

TEST(level_choice_counts_weighted_errors) {
    std::mt19937 rng(11);
    ContextSet contexts;
    contexts.init(32);
    int all_light = 0, all_before = 0;
    for (int round = 0; round < 60; round++) {
        QuantParams p;
        p.log2_w = 2 + int(rng() % 4);
        p.log2_h = 2 + int(rng() % 4);
        p.qp = 30 + int(rng() % 20);
        p.dependent_quant = round % 2 == 0;
        const size_t count = size_t{1} << (p.log2_w + p.log2_h);
        std::vector<Coeff> coeffs(count);
        for (auto& v : coeffs) v = int(rng() % 401) - 200;
        const Lambda lambda{std::int64_t(0.57 * std::exp2((p.qp - 24) / 3.0) * 16 * 4096) / 4 * 4};
        const std::vector<std::uint32_t> four(count, 4 << kWeightShift), one(count, 1 << kWeightShift);
        const auto choose = [&](const std::vector<std::uint32_t>* weights) {
            QuantParams q = p;
            if (weights) q.weights = weights->data();
            return chosen_levels(coeffs, q, lambda, contexts);
        };
        const auto squared_error = [&](const std::vector<Level>& levels) {
            std::vector<Coeff> recon(count);
            dequantize(levels.data(), p, recon.data());
            double sum = 0;
            for (size_t i = 0; i < count; i++) sum += std::pow(coeffs[i] - recon[i], 2);
            return sum;
        };
        CHECK(choose(&one) == choose(nullptr) || p.dependent_quant);
        // A coefficient that weighs nothing is not coded; where all weigh more, less is lost.
        std::vector<std::uint32_t> half(one);
        for (size_t i = 0; i < count; i++)
            if (int(i) % (1 << p.log2_w) >= (1 << p.log2_w) / 2) half[i] = 1;
        const auto levels = choose(&half);
        const auto unweighted = choose(nullptr);
        int of_light = 0;
        for (size_t i = 0; i < count; i++) {
            if (half[i] != 1) continue;
            of_light += std::abs(levels[i]);
            all_before += std::abs(unweighted[i]);
        }
        all_light += of_light;
        CHECK(squared_error(choose(&four)) <= squared_error(choose(nullptr)));
    }
    // Some are left: a level whose error does not count may lead to a better state of the quantiser, and in
    // bypass mode a zero is not always the cheapest.
    CHECK(5 * all_light < all_before);
}

TEST(frequency_distortion_is_the_weighted_energy_of_the_error) {
    std::mt19937 rng(13);
    WeightShaping shaping;
    shaping.gamma = 1;
    const auto raw = falling_profile(0.3);
    const FrequencyGains gains(raw.data(), shaping, "luma");
    const FrequencyTables tables(&gains, 1, nullptr);
    const double pi = std::acos(-1.0);
    for (const auto& [log2_w, log2_h] : {std::pair{2, 2}, {2, 4}, {3, 3}, {4, 3}, {5, 5}, {6, 4}}) {
        const int w = 1 << log2_w, h = 1 << log2_h;
        std::vector<Residual> error(size_t(w) * h);
        for (auto& v : error) v = Residual(int(rng() % 201) - 100);
        // By the definition: an orthonormal DCT-II in floating point.
        double expected = 0, coded = 0, energy = 0;
        for (const Residual v : error) energy += double(v) * v;
        for (int k = 0; k < std::min(h, 32); k++)
            for (int l = 0; l < std::min(w, 32); l++) {
                double c = 0;
                for (int y = 0; y < h; y++)
                    for (int x = 0; x < w; x++)
                        c += error[size_t(y * w + x)] * std::cos(pi * (2 * y + 1) * k / (2 * h)) *
                             std::cos(pi * (2 * x + 1) * l / (2 * w));
                c *= std::sqrt((k ? 2.0 : 1.0) / h * (l ? 2.0 : 1.0) / w);
                const double gain = gains.at(l, k, w, h);
                expected += gain * gain * c * c;
                coded += c * c;
            }
        const FrequencyTable& table = tables.of(Component::kY, log2_w, log2_h);
        expected += (energy - coded) * double(table.uncoded.fx) / 4096;
        std::vector<Coeff> coeffs(error.size()), zeros(error.size(), 0);
        forward_dct2(error.data(), w, log2_w, log2_h, coeffs.data());
        const double found = double(frequency_distortion(table, log2_w, log2_h, coeffs.data(), zeros.data(),
                                                         std::int64_t(energy))) /
                             4096;
        CHECK(near(found / expected, 1, 0.01));
    }
}

TEST(only_a_profile_with_gamma_changes_bytes) {
    const int w = 72, h = 64;
    std::mt19937 rng(17);
    std::vector<std::uint16_t> samples(size_t(w) * h);
    for (size_t i = 0; i < samples.size(); i++)
        samples[i] = std::uint16_t(100 + 40 * std::sin(double(i % w) / 5) + rng() % 25);
    SourceFrame frame;
    frame.width = w;
    frame.height = h;
    frame.chroma_format = ChromaFormat::k400;
    frame.planes[0] = samples.data();
    const std::vector<float> cells(9 * 8, 0.7f), flat(64, 2.5f);
    const auto falling = falling_profile(0.4);
    Settings settings;
    settings.qp = 30;
    const Bytes plain = encode({frame}, {}, settings).bytes;
    FrameWeights weights;
    weights.planes[0] = cells.data();
    weights.profiles[0] = flat.data();
    CHECK(encode({frame}, {weights}, settings).bytes == plain);
    weights.profiles[0] = falling.data();
    CHECK(encode({frame}, {weights}, settings).bytes != plain);
    Settings off = settings;
    off.shaping.gamma = 0;
    CHECK(encode({frame}, {weights}, off).bytes == plain);
    off = settings;
    off.frequency_scope = 0;
    CHECK(encode({frame}, {weights}, off).bytes == plain);
    // One APS for frames with the same lists, another where they change.
    const auto steeper = falling_profile(0.8);
    FrameWeights other = weights;
    other.profiles[0] = steeper.data();
    settings.scaling_lists = ScalingListUse::kOn;
    const auto count_aps = [&](const std::vector<FrameWeights>& maps) {
        const Bytes bytes = encode(std::vector<SourceFrame>(maps.size(), frame), maps, settings).bytes;
        int found = 0;
        for (size_t i = 0; i + 4 < bytes.size(); i++)
            found += bytes[i] == 0 && bytes[i + 1] == 0 && bytes[i + 2] == 1 && bytes[i + 4] >> 3 == 17;
        return found;
    };
    CHECK_EQ(count_aps({weights, weights, weights}), 1);
    CHECK_EQ(count_aps({weights, other, other, weights}), 3);
    settings.scaling_lists = ScalingListUse::kOff;
    CHECK_EQ(count_aps({weights, other}), 0);
}
