#include <algorithm>
#include <cmath>

#include "check.h"
#include "made_up.h"
#include "picture_weights.h"
#include "vvc/bitstream/chroma_qp_table.h"
#include "vvc/search/set_weights.h"
#include "vvc/weights/fixed_math.h"

using namespace idse::vtm;
using namespace idse::vvc;
using idse::test::random_map;
using idse::test::RawMap;

namespace {

constexpr int kWidth = 200, kHeight = 136;  // groups are cut off at both edges
constexpr double kNoScale[2] = {1, 1};

struct Made {
    RawMap raw;
    ShapedWeights shaped;

    explicit Made(int log2_unit, int planes = 3, int width = kWidth, int height = kHeight, double clip_qp = 6)
        : raw(random_map(width, height, 1, log2_unit, planes, unsigned(log2_unit + 7 * planes))) {
        WeightShaping shaping;
        shaping.clip_qp = clip_qp;
        shaped = shape_weights(raw.frame(0), width, height, ChromaFormat::k420, shaping);
    }
    PictureWeights weights(unsigned tools, const double (&scale)[2] = kNoScale) const {
        return {shaped, raw.width, raw.height, 3, tools, scale, 6};
    }
};

// Mean of the shaped cells that a block of component c touches, in floating point.
double mean_of_cells(const Made& made, int c, const Block& block) {
    const int cell = (1 << made.shaped.log2_unit) >> (c ? 1 : 0);
    const auto index = [&](int at, int count) { return std::min(at / cell, count - 1); };
    const int x0 = index(block.x, made.shaped.cols), x1 = index(block.x + block.w - 1, made.shaped.cols);
    const int y0 = index(block.y, made.shaped.rows), y1 = index(block.y + block.h - 1, made.shaped.rows);
    double sum = 0;
    for (int y = y0; y <= y1; y++)
        for (int x = x0; x <= x1; x++)
            sum += made.shaped.planes[c][std::size_t(y) * std::size_t(made.shaped.cols) + std::size_t(x)];
    return sum / ((x1 - x0 + 1) * (y1 - y0 + 1));
}

bool near(double a, double b) {
    return std::abs(a - b) <= 2e-3 * std::abs(b) + 2e-4;
}

std::vector<Block> some_blocks(int c) {
    std::vector<Block> blocks;
    const int width = c ? kWidth / 2 : kWidth, height = c ? kHeight / 2 : kHeight;
    for (int size : {1, 4, 8, 16, 32, 64})
        for (int y = 0; y < height; y += size * 3)
            for (int x = 0; x < width; x += size * 2)
                blocks.push_back({x, y, std::min(size * 2, width - x), std::min(size, height - y)});
    blocks.push_back({0, 0, width, height});
    return blocks;
}

double distortion(const PictureWeights& w, int c, const Block& b) {
    return double(w.distortion(c).mean(b).fx) / 4096;
}

// What a 64x64 luma block's QP delta stands for, where the block is within one.
double group_weight(const PictureWeights& w, int c, const Block& b) {
    const int s = c ? 1 : 0;
    return std::exp2(-w.qp_delta({b.x << s, b.y << s, 1, 1}) / 3.0);
}

bool within_a_group(int c, const Block& b) {
    const int side = c ? 32 : 64;
    return b.x / side == (b.x + b.w - 1) / side && b.y / side == (b.y + b.h - 1) / side;
}

}  // namespace

TEST(with_all_tools_weights_are_the_map) {
    for (int log2_unit : {1, 2, 3, 5, 7}) {
        const Made made(log2_unit);
        const PictureWeights w = made.weights(kAllTools);
        for (int c = 0; c < 3; c++)
            for (const Block& b : some_blocks(c)) {
                const double expected = mean_of_cells(made, c, b);
                CHECK(near(distortion(w, c, b), expected));
                CHECK(near(w.quant_weight(c, b), expected));
                CHECK(near(w.sao_weight(c, b), expected));
                CHECK(near(w.alf_weight(c, b.x, b.y), mean_of_cells(made, c, {b.x, b.y, 1, 1})));
                if (c == 0) CHECK(near(w.satd_weight(b), expected));
            }
    }
}

TEST(a_map_of_samples_is_halved_for_chroma) {
    const Made made(0);
    const PictureWeights w = made.weights(kAllTools);
    for (int y : {0, 1, 40, kHeight / 2 - 1})
        for (int x : {0, 7, 50, kWidth / 2 - 1}) {
            double sum = 0;
            for (int k = 0; k < 4; k++)
                sum +=
                    made.shaped.planes[1][std::size_t(2 * y + k / 2) * kWidth + std::size_t(2 * x + k % 2)];
            CHECK(near(w.quant_weight(1, {x, y, 1, 1}), sum / 4));
        }
}

TEST(chroma_is_scaled_and_luma_is_not) {
    const Made made(3);
    const double scale[2] = {2.5, 0.5};
    const PictureWeights plain = made.weights(kAllTools), scaled = made.weights(kAllTools, scale);
    for (int c = 0; c < 3; c++)
        for (const Block& b : some_blocks(c)) {
            const double factor = c ? scale[c - 1] : 1;
            CHECK(near(distortion(scaled, c, b), factor * distortion(plain, c, b)));
            CHECK(near(scaled.quant_weight(c, b), factor * plain.quant_weight(c, b)));
            CHECK(near(scaled.sao_weight(c, b), factor * plain.sao_weight(c, b)));
        }
}

TEST(without_tools_everything_weighs_one) {
    const Made made(3);
    const PictureWeights w = made.weights(0);
    CHECK(!w.qp_varies());
    for (int c = 0; c < 3; c++) {
        CHECK(w.distortion(c).is_uniform());
        for (const Block& b : some_blocks(c)) {
            CHECK(distortion(w, c, b) == 1 && w.quant_weight(c, b) == 1 && w.sao_weight(c, b) == 1);
            CHECK(w.alf_weight(c, b.x, b.y) == 1 && w.satd_weight(b) == 1);
            if (c == 0) CHECK_EQ(w.qp_delta(b), 0);
        }
    }
}

// A decision whose tool is off weighs by groups, so that lambda and QP agree.
TEST(with_qp_alone_decisions_weigh_by_their_groups) {
    const Made made(3);
    const PictureWeights w = made.weights(kQp);
    CHECK(w.qp_varies());
    bool differs = false;
    for (int c = 0; c < 3; c++)
        for (const Block& b : some_blocks(c)) {
            if (!within_a_group(c, b)) continue;
            const double expected = group_weight(w, c, b);
            differs |= expected != 1;
            CHECK(near(distortion(w, c, b), expected));
            CHECK(near(w.quant_weight(c, b), expected));
            if (c == 0) CHECK(near(w.satd_weight(b), expected));
            CHECK(w.sao_weight(c, b) == 1 && w.alf_weight(c, b.x, b.y) == 1);
        }
    CHECK(differs);
}

TEST(each_tool_reaches_its_decision_alone) {
    const Made made(3);
    const Block b{8, 16, 16, 16};  // one cell has another weight than the group
    for (unsigned tools = 0; tools < 256; tools++) {
        const PictureWeights w = made.weights(tools);
        for (int c = 0; c < 3; c++) {
            const double fine = mean_of_cells(made, c, b), coarse = group_weight(w, c, b);
            CHECK(near(distortion(w, c, b), tools & (c ? kChroma : kSse) ? fine : coarse));
            const bool quant = (tools & kQuant) && (!c || (tools & kChroma));
            CHECK(near(w.quant_weight(c, b), quant ? fine : coarse));
            CHECK(near(w.sao_weight(c, b), tools & kSao ? fine : 1));
            CHECK(
                near(w.alf_weight(c, b.x, b.y), tools & kAlf ? mean_of_cells(made, c, {b.x, b.y, 1, 1}) : 1));
        }
        CHECK(near(w.satd_weight(b), tools & kSatd ? mean_of_cells(made, 0, b) : group_weight(w, 0, b)));
        CHECK_EQ(w.qp_varies(), (tools & kQp) != 0);
    }
}

TEST(qp_delta_is_of_the_groups_that_a_block_touches) {
    for (int log2_unit : {0, 3, 6, 7}) {
        const Made made(log2_unit);
        const PictureWeights w = made.weights(kQp);
        for (int y = 0; y < kHeight; y += 4)
            for (int x = 0; x < kWidth; x += 4)
                for (int size : {4, 32, 64, 128}) {
                    if (x % size || y % size) continue;
                    const int side = std::max(size, 64), x0 = x & -64, y0 = y & -64;
                    const Block group{x0, y0, std::min(side, kWidth - x0), std::min(side, kHeight - y0)};
                    const double weight = mean_of_cells(made, 0, group);
                    const double exact = std::clamp(-3 * std::log2(weight), -6.0, 6.0);
                    const int delta = w.qp_delta({x, y, size, size});
                    CHECK(std::abs(delta - exact) <= 0.5 + 2e-3);
                    CHECK_EQ(delta,
                             w.qp_delta({x, y, std::min(size, kWidth - x), std::min(size, kHeight - y)}));
                }
    }
}

TEST(qp_delta_keeps_to_the_clip) {
    RawMap raw = random_map(128, 64, 1, 6, 1, 1);
    raw.values = {1e-6f, 1e6f};
    WeightShaping shaping;
    shaping.clip_qp = 12;
    shaping.exponent = 1;
    shaping.tau = 0;
    const auto shaped = shape_weights(raw.frame(0), 128, 64, ChromaFormat::k400, shaping);
    const PictureWeights w(shaped, 128, 64, 1, kQp, kNoScale, 4.9);
    CHECK_EQ(w.qp_delta({0, 0, 64, 64}), 4);
    CHECK_EQ(w.qp_delta({64, 0, 64, 64}), -4);
}

namespace {

// What the native encoder makes of the same map.
struct Native {
    Settings settings;
    Picture source;
    ChromaQpTable table;
    FrameContext context;

    Native(const Made& made, unsigned scope, int cb, int cr)
        : source((made.raw.width + 7) & -8, (made.raw.height + 7) & -8, ChromaFormat::k420) {
        settings.weight_scope = scope;
        settings.qp = 17;  // where a chroma QP is its luma QP
        context.settings = &settings;
        context.source = &source;
        context.slice_qp = settings.qp;
        context.chroma_qp_offset[1] = cb;
        context.chroma_qp_offset[2] = cr;
        context.chroma_qp_table = table.data();
        const FrameWeights raw = made.raw.frame(0);
        set_weights(context, &made.shaped, &raw, made.raw.width, made.raw.height);
    }
};

}  // namespace

TEST(weights_equal_the_native_encoders) {
    const std::pair<unsigned, unsigned> scopes[] = {
        {kWeightAll, kAllTools},
        {kWeightRdo, kSse | kChroma | kSatd},
        {kWeightQuant, kQuant | kChroma},
        {kWeightQp, kQp | kChromaQp},
        {kWeightRdo | kWeightQp, kSse | kChroma | kSatd | kQp | kChromaQp}};
    for (const auto& [width, height] : {std::pair(200, 136), std::pair(98, 66), std::pair(64, 64)})
        for (int log2_unit : {0, 1, 3, 6, 7})
            for (const auto& [scope, tools] : scopes) {
                const Made made(log2_unit, 1, width, height);
                const Native native(made, scope, 0, 0);
                const PictureWeights w = made.weights(tools);
                for (int c = 0; c < 3; c++) {
                    const int cw = c ? width / 2 : width, ch = c ? height / 2 : height;
                    for (int y = 0; y < ch; y += 4)
                        for (int x = 0; x < cw; x += 4)
                            for (int size : {4, 32}) {
                                if (x % size || y % size) continue;
                                const Block b{x, y, size, size};
                                // Chroma of a weighted quantiser alone: VTM's tool has the distortion with
                                // it.
                                if (scope != kWeightQuant || c == 0)
                                    CHECK_EQ(w.distortion(c).mean(b).fx,
                                             native.context.distortion_weights[c].mean(b).fx);
                                CHECK(w.quant_weight(c, b) ==
                                      double(native.context.quant_weights[c].mean(b).fx) / 4096);
                            }
                }
                for (int y = 0; y < height; y += 8)
                    for (int x = 0; x < width; x += 8)
                        CHECK_EQ(w.qp_delta({x, y, 8, 8}), native.context.target_qp(x, y) - 17);
            }
}

TEST(chroma_differs_from_the_native_encoders_by_a_constant) {
    const Made made(3, 3);
    int cb = 0, cr = 0;
    Settings settings;
    chroma_qp_offsets(&made.shaped, settings, cb, cr);
    CHECK_EQ(cb, qp_offset_of_gain(made.shaped.chroma_gain[0]));
    CHECK_EQ(cr, qp_offset_of_gain(made.shaped.chroma_gain[1]));
    CHECK(cb < 0 && cr < cb);
    const Native native(made, kWeightAll, cb, cr);
    const PictureWeights w = made.weights(kAllTools);
    for (int c = 1; c < 3; c++)
        for (const Block& b : some_blocks(c)) {
            const double constant =
                std::exp2(-(c == 1 ? cb : cr) / 3.0);  // VTM's own weight of the component
            CHECK(near(double(native.context.distortion_weights[c].mean(b).fx) / 4096,
                       constant * distortion(w, c, b)));
        }
}
