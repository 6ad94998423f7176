// Bits of headers (clause 9.2), and NAL units in a byte stream (clause 7.3.1, annex B).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace idse::vvc {

using Bytes = std::vector<std::uint8_t>;

class BitWriter {
  public:
    void u(std::uint32_t value, int bits);  // bits <= 32, most significant first
    void flag(bool value) { u(value, 1); }
    void ue(std::uint32_t value);  // Exp-Golomb, value < 2^32 - 1
    void se(std::int32_t value);
    void align_zero();  // zero bits up to the next byte
    void append(const BitWriter& other);
    void trailing_bits();  // a one, then zeros: rbsp_trailing_bits(), byte_alignment()
    size_t bit_count() const { return bytes_.size() * 8 - size_t(free_); }
    const Bytes& bytes() const { return bytes_; }

  private:
    Bytes bytes_;
    int free_ = 0;  // unused low bits of the last byte
};

enum class NalType : std::uint8_t { kIdrNLp = 8, kSps = 15, kPps = 16, kPrefixAps = 17, kSuffixSei = 24 };

// Emulation prevention bytes that a piece of an RBSP needs. Pieces may be counted on their own where the byte
// before each of them is not zero.
size_t count_emulation_prevention(const Bytes& rbsp);

// Appends start code, header, and the RBSP with emulation prevention. The start code has four bytes for
// parameter sets and for the first NAL unit of an access unit, else three.
void append_nal(Bytes& stream, NalType type, const Bytes& rbsp, bool first_of_access_unit);

}  // namespace idse::vvc
