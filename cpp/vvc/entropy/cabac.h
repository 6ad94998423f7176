// The arithmetic coder (clause 9.3.4): adaptive contexts, the writer, and a counter of fractional bits with the
// same interface, so that syntax functions are templates over both ("Coder").
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "../rd_types.h"
#include "context_tables.h"

namespace idse::vvc {

// Two estimators of the probability of a one (clause 9.3.4.3.2): states keep the top 10 and 14 of 15 bits.
struct ContextModel {
    std::uint16_t state0 = 0;
    std::uint16_t state1 = 0;
    std::uint8_t shift0 = 0;
    std::uint8_t shift1 = 0;

    void init(int init_value, int shift_idx, int slice_qp);  // clause 9.3.2.2
    void update(unsigned bin);
    Rate rate(unsigned bin) const;  // cost of coding bin now, 2^-15 bit, from a table
};

// All contexts of an intra slice, indexed by ctx::k... offsets of context_tables.h. Copied to checkpoint a trial.
struct ContextSet {
    std::array<ContextModel, ctx::kCount> models;
    void init(int slice_qp);
    ContextModel& operator[](int i) { return models[size_t(i)]; }
    const ContextModel& operator[](int i) const { return models[size_t(i)]; }
};

// Counts bits and adapts the contexts as the writer would.
class BitCounter {
  public:
    ContextSet contexts;
    Rate rate = 0;

    void bin(unsigned b, int context);
    void bypass(unsigned) { rate += kOneBit; }
    void bypass_bits(unsigned, int n) { rate += n * kOneBit; }
};

// Writes the slice data.
class CabacWriter {
  public:
    ContextSet contexts;

    void start();                             // ivlLow = 0, ivlCurrRange = 510
    void bin(unsigned b, int context);
    void bypass(unsigned b);
    void bypass_bits(unsigned value, int n);  // n <= 32, most significant first
    void terminate(unsigned b);               // end_of_slice_one_bit and the like
    // After terminate(1): flushes; the last bit written is the rbsp_stop_one_bit / byte alignment of a substream.
    // Returns the bytes since start(), zero-aligned, without emulation prevention.
    std::vector<std::uint8_t> finish();
};

}  // namespace idse::vvc
