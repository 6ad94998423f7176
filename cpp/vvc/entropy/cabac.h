// The arithmetic coder (clause 9.3.4): adaptive contexts, the writer, and a counter of fractional bits with
// the same interface, so that syntax functions are templates over both ("Coder").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../rd_types.h"
#include "context_tables.h"

namespace idse::vvc {

// Cost of coding a one by the probability of a one in 1/256 (of a zero: index 255 - p), in 2^-15 bit.
extern const std::array<std::uint32_t, 256> kBinRate;

// Two estimators of the probability of a one (clause 9.3.4.3.2): states keep the top 10 and 14 of 15 bits.
struct ContextModel {
    std::uint16_t state0 = 0;
    std::uint16_t state1 = 0;
    std::uint8_t shift0 = 0;
    std::uint8_t shift1 = 0;

    void init(int init_value, int shift_idx, int slice_qp);  // clause 9.3.2.2

    friend bool operator==(const ContextModel& a, const ContextModel& b) {
        return a.state0 == b.state0 && a.state1 == b.state1 && a.shift0 == b.shift0 && a.shift1 == b.shift1;
    }

    void update(unsigned bin) {
        const int all = bin ? 0x7fff : 0;
        state0 = std::uint16_t(state0 - ((state0 >> shift0) & kState0Mask) + ((all >> shift0) & kState0Mask));
        state1 = std::uint16_t(state1 - ((state1 >> shift1) & kState1Mask) + ((all >> shift1) & kState1Mask));
    }
    unsigned probability() const { return unsigned(state0 + state1) >> 8; }  // of a one, in 1/256
    // Cost of coding bin now, 2^-15 bit.
    Rate rate(unsigned bin) const { return kBinRate[bin ? probability() : 255 - probability()]; }

    static constexpr int kState0Mask = 0x3ff << 5;
    static constexpr int kState1Mask = 0x3fff << 1;
};

// All contexts of an intra slice, indexed by ctx::k... offsets of context_tables.h. Copied to checkpoint a
// trial.
struct ContextSet {
    std::array<ContextModel, ctx::kCount> models;
    void init(int slice_qp);
    ContextModel& operator[](int i) { return models[std::size_t(i)]; }
    const ContextModel& operator[](int i) const { return models[std::size_t(i)]; }
    friend bool operator==(const ContextSet& a, const ContextSet& b) { return a.models == b.models; }
};

// Counts bits and adapts the contexts as the writer would.
class BitCounter {
  public:
    ContextSet contexts;
    Rate rate = 0;

    void bin(unsigned b, int context) {
        ContextModel& model = contexts[context];
        rate += model.rate(b);
        model.update(b);
    }
    void bypass(unsigned) { rate += kOneBit; }
    void bypass_bits(unsigned, int n) { rate += n * kOneBit; }
};

// Writes the slice data.
class CabacWriter {
  public:
    ContextSet contexts;

    void start();  // ivlLow = 0, ivlCurrRange = 510

    void bin(unsigned b, int context) {
        ContextModel& model = contexts[context];
        const unsigned p = model.probability();
        const unsigned mps = p >> 7;
        const unsigned lps_range = ((((mps ? p ^ 255 : p) >> 2) * (range_ >> 5)) >> 1) + 4;
        range_ -= lps_range;
        if (b != mps) {
            low_ += range_;
            range_ = lps_range;
        }
        model.update(b);
        renormalise();
    }
    void bypass(unsigned b) { bypass_bits(b, 1); }
    void bypass_bits(unsigned value, int n) {  // n <= 32, most significant first
        low_ = (low_ << n) + std::uint64_t{range_} * value;
        width_ += n;
        if (width_ > kMaxPending) write_bytes(17);
    }
    void terminate(unsigned b);  // end_of_slice_one_bit and the like

    // After terminate(1): flushes and returns the bytes since start(), zero-aligned, without emulation
    // prevention. The last bit written that is one is not part of the arithmetic code: at the end of a slice
    // it is the rbsp_stop_one_bit of rbsp_slice_trailing_bits(), at the end of a WPP row
    // (end_of_subset_one_bit) it is the first bit of byte_alignment(). Nothing has to be added to it in
    // either place. Starts anew; contexts stay.
    std::vector<std::uint8_t> finish();

  private:
    void renormalise() {
        while (range_ < 256) {
            range_ <<= 1;
            low_ <<= 1;
            width_++;
        }
        if (width_ > kMaxPending) write_bytes(17);
    }
    // While at least `enough` bits are pending. 17 leaves the 9 bits of the range's window, so that a carry
    // is at most one; 8 is for the end.
    void write_bytes(int enough);

    static constexpr int kMaxPending = 31;  // so that 32 bypass bins more and the carry stay within 64 bits

    std::uint64_t low_ = 0;  // pending bits of ivlLow, and a carry at bit width_
    unsigned range_ = 510;
    int width_ = 9;
    std::vector<std::uint8_t> bytes_;
};

}  // namespace idse::vvc
