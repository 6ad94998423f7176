// Level choices: scaling against the standard's formulas, the trellis' cost against the syntax, and how the
// three quantisers compare.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <random>
#include <vector>

#include "check.h"
#include "vvc/entropy/residual_syntax.h"
#include "vvc/transform/dependent_quant.h"
#include "vvc/transform/quant.h"

using namespace idse::vvc;

namespace {

// Counts bits without adapting, as the level choices see the contexts.
struct FrozenCounter {
    const ContextSet& contexts;
    Rate rate = 0;
    void bin(unsigned b, int context) { rate += contexts[context].rate(b); }
    void bypass(unsigned) { rate += kOneBit; }
    void bypass_bits(unsigned, int n) { rate += n * kOneBit; }
};

Rate rate_of(const std::vector<Level>& levels, const QuantParams& p, const ContextSet& contexts) {
    FrozenCounter counter{contexts};
    const ResidualShape shape{p.log2_w, p.log2_h, p.component, p.dependent_quant};
    if (p.transform_skip)
        code_residual_ts(counter, levels.data(), shape);
    else
        code_residual(counter, levels.data(), shape);
    return counter.rate;
}

Distortion distortion_of(const std::vector<Coeff>& coeffs, const std::vector<Coeff>& recon,
                         const QuantParams& p) {
    Distortion sum = 0;
    const int shift = kWeightShift + (p.transform_skip ? 0 : p.log2_w + p.log2_h - 10);
    for (size_t i = 0; i < coeffs.size(); i++) {
        const std::int64_t e = coeffs[i] - recon[i];
        sum += (e * e) << shift;
    }
    return sum;
}

Rate coded_flag_rate(Component c, const ContextSet& contexts, bool coded) {
    const int context = is_luma(c)            ? ctx::kTuYCodedFlag
                        : c == Component::kCb ? ctx::kTuCbCodedFlag
                                              : ctx::kTuCrCodedFlag;
    return contexts[context].rate(coded);
}

Cost cost_of(const std::vector<Coeff>& coeffs, const std::vector<Level>& levels, const QuantParams& p,
             Lambda lambda, const ContextSet& contexts) {
    std::vector<Coeff> recon(coeffs.size());
    dequantize(levels.data(), p, recon.data());
    const bool any = std::any_of(levels.begin(), levels.end(), [](Level l) { return l != 0; });
    const Rate rate = coded_flag_rate(p.component, contexts, any) + (any ? rate_of(levels, p, contexts) : 0);
    return distortion_of(coeffs, recon, p) + rate_cost(lambda, rate);
}

// Usual relation of lambda and QP (here with the 10-bit QP qP = QP + 12).
Lambda usual_lambda(int qp) {
    return {std::int64_t(0.57 * std::exp2((qp - 12 - 12) / 3.0) * 16 * 4096)};
}

double laplacian(std::mt19937& random, double scale) {
    const double u = (double(random()) + 0.5) / 4294967296.0 - 0.5;
    return -scale * std::log(1 - 2 * std::abs(u)) * (u < 0 ? -1 : 1);
}

// Coefficients as residuals have them: falling off with frequency. `spread` in quantisation steps at DC.
std::vector<Coeff> random_block(std::mt19937& random, const QuantParams& p, double spread, double decay) {
    const int w = 1 << p.log2_w, h = 1 << p.log2_h;
    const double gain = p.transform_skip ? 1 : std::exp2(5 - 0.5 * (p.log2_w + p.log2_h));
    const double step = std::exp2((p.qp - 4) / 6.0) * gain;
    std::vector<Coeff> coeffs(size_t(w * h));
    for (int y = 0; y < std::min(h, 32); y++)
        for (int x = 0; x < std::min(w, 32); x++)
            coeffs[size_t(y * w + x)] = Coeff(std::clamp(
                std::lround(laplacian(random, step * spread * std::exp(-decay * (x + y)))), -32768L, 32767L));
    return coeffs;
}

struct Named {
    const char* name;
    int (*run)(const Coeff*, const QuantParams&, Lambda, const ContextSet&, Level*);
    bool dependent;
};
int run_plain(const Coeff* c, const QuantParams& p, Lambda, const ContextSet&, Level* l) {
    return quantize_plain(c, p, l);
}

}  // namespace

TEST(dequantize_is_the_formula) {
    // 4x4, qP 26: levelScale 51 << 4, shift 10 + 2 - 5 = 7.
    QuantParams p;
    p.qp = 26;
    std::vector<Level> levels(16);
    std::vector<Coeff> coeffs(16);
    levels[0] = 3;
    levels[5] = -7;
    dequantize(levels.data(), p, coeffs.data());
    CHECK_EQ(coeffs[0], (3 * 16 * (51 << 4) + 64) >> 7);
    CHECK_EQ(coeffs[5], (-7 * 16 * (51 << 4) + 64) >> 7);
    // 8x4: the scale for an odd sum, shift 10 + 2 + 1 - 5.
    p.log2_w = 3;
    levels.assign(32, 0);
    coeffs.assign(32, 0);
    levels[9] = 5;
    dequantize(levels.data(), p, coeffs.data());
    CHECK_EQ(coeffs[9], (5 * 16 * (72 << 4) + 128) >> 8);
    // Transform skip: shift 10 whatever the shape.
    p.transform_skip = true;
    dequantize(levels.data(), p, coeffs.data());
    CHECK_EQ(coeffs[9], (5 * 16 * (51 << 4) + 512) >> 10);
}

TEST(dependent_dequantize_follows_the_state) {
    QuantParams p;
    p.dependent_quant = true;
    std::mt19937 random(7);
    for (const auto& shape : {std::pair{2, 2}, {3, 3}, {4, 3}, {5, 5}, {6, 6}, {6, 3}}) {
        p.log2_w = shape.first;
        p.log2_h = shape.second;
        p.qp = 20 + int(random() % 30);
        const int count = 1 << (p.log2_w + p.log2_h);
        const ScanOrder& scan = scan_order(p.log2_w, p.log2_h);
        std::vector<Level> levels(size_t(count), 0);
        for (int i = 0; i < scan.count; i++)
            if (random() % 3 == 0) levels[scan.position[size_t(i)]] = Level(int(random() % 9) - 4);
        std::vector<Coeff> coeffs(size_t(count), 0);
        dequantize(levels.data(), p, coeffs.data());
        // The whole scan, position by position, with the state table written out.
        static constexpr int kNext[4][2] = {{0, 2}, {2, 0}, {1, 3}, {3, 1}};
        static constexpr int kScales[2][6] = {{40, 45, 51, 57, 64, 72}, {57, 64, 72, 80, 90, 102}};
        const int odd = (p.log2_w + p.log2_h) & 1;
        const int shift = 10 + (p.log2_w + p.log2_h) / 2 + odd - 5 + 1;
        const std::int64_t scale = std::int64_t{16} * kScales[odd][(p.qp + 1) % 6] << ((p.qp + 1) / 6);
        int state = 0;
        for (int i = scan.count - 1; i >= 0; i--) {
            const int level = levels[scan.position[size_t(i)]];
            const int sign = level < 0 ? -1 : level > 0;
            const std::int64_t value =
                ((2 * level - sign * (state >> 1)) * scale + (std::int64_t{1} << (shift - 1))) >> shift;
            CHECK_EQ(coeffs[scan.position[size_t(i)]], Coeff(std::clamp<std::int64_t>(value, -32768, 32767)));
            state = kNext[state][level & 1];
        }
    }
}

TEST(trellis_cost_is_that_of_the_syntax) {
    std::mt19937 random(11);
    for (int trial = 0; trial < 1500; trial++) {
        QuantParams p;
        p.dependent_quant = true;
        p.log2_w = 2 + int(random() % 4);
        p.log2_h = 2 + int(random() % 4);
        if (trial % 50 == 0) p.log2_w = 6;
        p.component = trial % 3 == 2 ? Component::kCr : Component::kY;
        p.qp = 12 + int(random() % 50);
        ContextSet contexts;
        contexts.init(p.qp - 12);
        const Lambda lambda{usual_lambda(p.qp).fx >> (random() % 7)};
        auto coeffs =
            random_block(random, p, std::exp2(double(random() % 100) / 10 - 2), double(random() % 5) / 10);
        // Halves round up, so that negative coefficients may come out one off the mirrored value.
        for (Coeff& c : coeffs) c = std::abs(c);
        std::vector<Level> levels(coeffs.size());
        const TrellisResult result = run_dependent_trellis(coeffs.data(), p, lambda, contexts, levels.data());
        int nonzero = 0;
        for (Level l : levels) nonzero += l != 0;
        CHECK_EQ(result.nonzero, nonzero);
        const std::vector<Level> none(coeffs.size());
        const Cost change =
            cost_of(coeffs, levels, p, lambda, contexts) - cost_of(coeffs, none, p, lambda, contexts);
        // Costs of single bins are rounded: less than 1 each.
        CHECK(std::abs(change - result.cost) <= 40 * std::int64_t(coeffs.size()) + 100);
    }
}

TEST(level_choices_compared) {
    const Named quantisers[] = {
        {"plain", run_plain, false}, {"rdoq", quantize_rdoq, false}, {"dependent", quantize_dependent, true}};
    for (const double spread : {1.0, 4.0}) {
        double mean[3] = {0, 0, 0};
        std::mt19937 random(21);
        for (int trial = 0; trial < 300; trial++) {
            QuantParams p;
            p.log2_w = 2 + int(random() % 4);
            p.log2_h = 2 + int(random() % 4);
            p.qp = 12 + 22 + int(random() % 16);
            ContextSet contexts;
            contexts.init(p.qp - 12);
            const Lambda lambda = usual_lambda(p.qp);
            const auto coeffs = random_block(random, p, spread, 0.25);
            for (int n = 0; n < 3; n++) {
                p.dependent_quant = quantisers[n].dependent;
                std::vector<Level> levels(coeffs.size());
                quantisers[n].run(coeffs.data(), p, lambda, contexts, levels.data());
                mean[n] += double(cost_of(coeffs, levels, p, lambda, contexts)) / double(lambda.fx);
            }
        }
        std::cout << "     mean cost in bits, spread " << spread << ":";
        for (int n = 0; n < 3; n++) std::cout << " " << quantisers[n].name << " " << mean[n] / 300;
        std::cout << "\n";
        CHECK(mean[1] < mean[0]);
        CHECK(mean[2] < mean[1]);
    }
}

TEST(transform_skip_rdoq_beats_plain) {
    double mean[2] = {0, 0};
    std::mt19937 random(22);
    for (int trial = 0; trial < 300; trial++) {
        QuantParams p;
        p.transform_skip = true;
        p.log2_w = 2 + int(random() % 4);
        p.log2_h = 2 + int(random() % 4);
        p.component = trial % 3 == 2 ? Component::kCb : Component::kY;
        p.qp = 12 + 22 + int(random() % 16);
        ContextSet contexts;
        contexts.init(p.qp - 12);
        const Lambda lambda = usual_lambda(p.qp);
        const auto coeffs = random_block(random, p, 0.2 + double(random() % 20) / 10, 0);
        for (int n = 0; n < 2; n++) {
            std::vector<Level> levels(coeffs.size());
            const int nonzero = n ? quantize_rdoq(coeffs.data(), p, lambda, contexts, levels.data())
                                  : quantize_plain(coeffs.data(), p, levels.data());
            CHECK_EQ(nonzero,
                     int(std::count_if(levels.begin(), levels.end(), [](Level l) { return l != 0; })));
            mean[n] += double(cost_of(coeffs, levels, p, lambda, contexts)) / double(lambda.fx);
        }
    }
    std::cout << "     mean cost in bits, transform skip: plain " << mean[0] / 300 << " rdoq "
              << mean[1] / 300 << "\n";
    CHECK(mean[1] < mean[0]);
}
