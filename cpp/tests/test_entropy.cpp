#include <cstdlib>
#include <random>
#include <string>

#include "check.h"
#include "vvc/entropy/coding_tree_syntax.h"
#include "vvc/entropy/residual_syntax.h"

using namespace idse::vvc;

namespace {

// The arithmetic decoding engine (clause 9.3.4.3), to read back what the writer wrote.
class Decoder {
  public:
    Decoder(const std::vector<std::uint8_t>& bytes, const ContextSet& contexts)
        : bytes_(bytes), contexts_(contexts) {
        for (int i = 0; i < 9; i++) read_bit();
    }
    unsigned bin(int context) {
        ContextModel& model = contexts_[context];
        const unsigned p = model.probability();
        const unsigned lps = ((((p >> 7 ? p ^ 255 : p) >> 2) * (range_ >> 5)) >> 1) + 4;
        range_ -= lps;
        unsigned value = p >> 7;
        if (offset_ >= range_) {
            offset_ -= range_;
            range_ = lps;
            value ^= 1;
        }
        model.update(value);
        for (; range_ < 256; range_ <<= 1) read_bit();
        return value;
    }
    unsigned bypass() {
        read_bit();
        if (offset_ < range_) return 0;
        offset_ -= range_;
        return 1;
    }
    unsigned terminate() {
        range_ -= 2;
        if (offset_ >= range_) return 1;
        for (; range_ < 256; range_ <<= 1) read_bit();
        return 0;
    }
    // After terminate() == 1: bits read since the start, of which the last 2 are the last ones of the code.
    size_t position() const { return position_; }

  private:
    void read_bit() {
        const size_t byte = position_ / 8;
        offset_ = (offset_ << 1) | (byte < bytes_.size() ? (bytes_[byte] >> (7 - position_ % 8)) & 1u : 0u);
        position_++;
    }
    const std::vector<std::uint8_t>& bytes_;
    ContextSet contexts_;
    unsigned range_ = 510;
    unsigned offset_ = 0;
    size_t position_ = 0;
};

// A Coder that keeps its bins: context, or -1 for bypass.
struct Recorder {
    struct Bin {
        int context;
        unsigned value;
    };
    std::vector<Bin> bins;
    void bin(unsigned b, int context) { bins.push_back({context, b}); }
    void bypass(unsigned b) { bins.push_back({-1, b}); }
    void bypass_bits(unsigned value, int n) {
        for (int i = n - 1; i >= 0; i--) bypass((value >> i) & 1);
    }
};

std::vector<Level> random_levels(std::mt19937& rng, int w, int h) {
    std::vector<Level> levels(size_t(w * h));
    const unsigned percent = rng() % 5 ? 1 + rng() % 40 : 95;
    const unsigned greatest = rng() % 3 ? 4 : rng() % 2 ? 60 : 16383;
    const int extent = 1 << (rng() % 6);
    for (int y = 0; y < h && y < 32; y++)
        for (int x = 0; x < w && x < 32 && x < extent; x++)
            if (rng() % 100 < percent) {
                const int a = int(1 + rng() % greatest);
                levels[size_t(y * w + x)] = Level(rng() % 2 ? a : -a);
            }
    levels[rng() % 4] = 1;
    return levels;
}

// Codes the same random blocks with any Coder.
template <class Coder>
void code_random_blocks(Coder& coder, unsigned seed, int count, int max_log2 = 6) {
    std::mt19937 rng(seed);
    for (int i = 0; i < count; i++) {
        ResidualShape shape;
        shape.log2_w = 2 + int(rng() % unsigned(max_log2 - 1));
        shape.log2_h = 2 + int(rng() % unsigned(max_log2 - 1));
        shape.component = Component(rng() % 3);
        shape.dependent_quant = rng() % 2;
        const auto levels = random_levels(rng, 1 << shape.log2_w, 1 << shape.log2_h);
        if (max_log2 <= 5 && rng() % 2)
            code_residual_ts(coder, levels.data(), shape);
        else
            code_residual(coder, levels.data(), shape);
    }
}

}  // namespace

TEST(decoder_reads_what_the_writer_wrote) {
    for (unsigned seed = 0; seed < 30; seed++) {
        std::mt19937 rng(seed);
        CabacWriter writer;
        writer.contexts.init(int(seed * 2));
        const ContextSet start = writer.contexts;
        writer.start();
        Recorder recorder;
        const unsigned count = rng() % 4000;
        for (unsigned i = 0; i < count; i++) {
            if (rng() % 8 == 0) {
                const int n = int(1 + rng() % 32);
                const unsigned value = unsigned(rng()) & (n == 32 ? ~0u : (1u << n) - 1);
                writer.bypass_bits(value, n);
                recorder.bypass_bits(value, n);
            } else {
                // Contexts from certain to even: long runs of either symbol make carries.
                const int context = int(rng() % ctx::kCount);
                const unsigned b = int(rng() % 16) < context % 17;
                writer.bin(b, context);
                recorder.bin(b, context);
            }
        }
        writer.terminate(1);
        const auto bytes = writer.finish();
        CHECK(!bytes.empty() && bytes.back() != 0);
        Decoder decoder(bytes, start);
        size_t wrong = 0;
        for (const auto& bin : recorder.bins)
            wrong += (bin.context < 0 ? decoder.bypass() : decoder.bin(bin.context)) != bin.value;
        CHECK_EQ(wrong, size_t{0});
        CHECK_EQ(decoder.terminate(), 1u);
        // The stop bit is the last bit that is set: the decoder's window ends 2 + 7 - 9 bits before or at it.
        const size_t last_bits = bytes.size() * 8 - decoder.position();
        CHECK(bytes.size() * 8 >= decoder.position());
        CHECK(last_bits < 8);
        CHECK_EQ(bytes.back() & ((1 << last_bits) - 1), 0);
        CHECK_EQ((bytes.back() >> last_bits) & 1, 1);
    }
}

TEST(counter_agrees_with_writer) {
    for (int max_log2 : {5, 6}) {
        BitCounter counter;
        CabacWriter writer;
        counter.contexts.init(32);
        writer.contexts.init(32);
        writer.start();
        code_random_blocks(counter, 7, 200, max_log2);
        code_random_blocks(writer, 7, 200, max_log2);
        CHECK(counter.contexts == writer.contexts);
        writer.terminate(1);
        const std::int64_t written = std::int64_t(writer.finish().size()) * 8;
        const std::int64_t counted = counter.rate >> kRateShift;
        CHECK(written > 20000);
        CHECK(std::abs(written - counted) < 64 + written / 2000);
    }
}

TEST(written_residuals_are_read_back_bin_by_bin) {
    CabacWriter writer;
    writer.contexts.init(27);
    const ContextSet start = writer.contexts;
    writer.start();
    code_random_blocks(writer, 11, 60);
    writer.terminate(1);
    const auto bytes = writer.finish();
    Recorder recorder;
    code_random_blocks(recorder, 11, 60);
    Decoder decoder(bytes, start);
    size_t wrong = 0;
    for (const auto& bin : recorder.bins)
        wrong += (bin.context < 0 ? decoder.bypass() : decoder.bin(bin.context)) != bin.value;
    CHECK_EQ(wrong, size_t{0});
    CHECK_EQ(decoder.terminate(), 1u);
}

TEST(context_coded_bins_stay_in_budget) {
    std::mt19937 rng(5);
    for (int i = 0; i < 100; i++) {
        ResidualShape shape;
        shape.log2_w = 2 + int(rng() % 4);
        shape.log2_h = 2 + int(rng() % 4);
        std::vector<Level> levels(size_t(1) << (shape.log2_w + shape.log2_h), Level(-5));
        Recorder plain, skip;
        code_residual(plain, levels.data(), shape);
        code_residual_ts(skip, levels.data(), shape);
        const auto coded = [](const Recorder& r) {
            int n = 0;
            for (const auto& bin : r.bins) n += bin.context >= 0;
            return n;
        };
        // The prefixes of the last position and the subblock flags have no share in the budget.
        const int groups = 1 << (shape.log2_w + shape.log2_h - 4);
        CHECK(coded(plain) <= context_bin_budget(shape.log2_w, shape.log2_h) + groups + 18);
        CHECK(coded(skip) <= context_bin_budget_ts(shape.log2_w, shape.log2_h) + groups);
    }
}

TEST(scan_orders_are_permutations) {
    for (int log2_w = 1; log2_w <= 6; log2_w++)
        for (int log2_h = 1; log2_h <= 6; log2_h++) {
            if (log2_w + log2_h < 4) continue;
            const ScanOrder& scan = scan_order(log2_w, log2_h);
            std::vector<int> seen(size_t(1) << (log2_w + log2_h));
            for (size_t i = 0; i < size_t(scan.count); i++) {
                seen[scan.position[i]]++;
                CHECK_EQ((scan.y[i] << log2_w) + scan.x[i], int(scan.position[i]));
            }
            int once = 0;
            for (int n : seen) once += n == 1;
            CHECK_EQ(once, scan.count);
            CHECK_EQ(int(scan.position[0]), 0);
        }
}

TEST(remainder_code_lengths) {
    CHECK_EQ(remainder_bits(0, 0), 1);
    CHECK_EQ(remainder_bits(4, 0), 5);
    CHECK_EQ(remainder_bits(5, 0), 6);  // 11111 0
    CHECK_EQ(remainder_bits(6, 0), 8);  // 111111 0 x
    CHECK_EQ(remainder_bits(9, 1), 6);
    CHECK_EQ(remainder_bits(10, 1), 7);
    CHECK_EQ(remainder_bits(32767, 0), 32);
    for (int rice = 0; rice < 4; rice++)
        for (int v = 0; v < 16384; v++) {
            const RemainderCode c = remainder_code(v, rice);
            if (c.prefix_bits + c.suffix_bits != remainder_bits(v, rice) || c.prefix_bits > 17 ||
                (std::uint64_t{c.suffix} >> c.suffix_bits) != 0) {
                CHECK(false);
                return;
            }
        }
}

TEST(luma_mode_and_qp_delta_bins) {
    const auto bins_of = [](auto code) {
        Recorder r;
        code(r);
        std::string text;
        for (const auto& bin : r.bins) text += char('0' + bin.value);
        return text;
    };
    CHECK(bins_of([](auto& r) { code_luma_mode(r, {0, 0}); }) == "10");
    CHECK(bins_of([](auto& r) { code_luma_mode(r, {1, 0}); }) == "110");
    CHECK(bins_of([](auto& r) { code_luma_mode(r, {4, 0}); }) == "111110");
    CHECK(bins_of([](auto& r) { code_luma_mode(r, {5, 0}); }) == "111111");
    CHECK(bins_of([](auto& r) { code_luma_mode(r, {-1, 2}); }) == "000010");
    CHECK(bins_of([](auto& r) { code_luma_mode(r, {-1, 3}); }) == "0000110");
    CHECK(bins_of([](auto& r) { code_luma_mode(r, {-1, 60}); }) == "0111111");
    CHECK(bins_of([](auto& r) { code_cu_qp_delta(r, 0); }) == "0");
    CHECK(bins_of([](auto& r) { code_cu_qp_delta(r, -2); }) == "1101");
    CHECK(bins_of([](auto& r) { code_cu_qp_delta(r, 5); }) == "1111100");
    CHECK(bins_of([](auto& r) { code_cu_qp_delta(r, 7); }) == "111111010");
    // Differences count modulo 64 + QpBdOffset.
    CHECK(bins_of([](auto& r) { code_cu_qp_delta(r, 63); }) ==
          bins_of([](auto& r) { code_cu_qp_delta(r, -13); }));
}
