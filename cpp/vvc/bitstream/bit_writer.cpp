#include "bit_writer.h"

namespace idse::vvc {

void BitWriter::u(std::uint32_t value, int bits) {
    while (bits > 0) {
        if (free_ == 0) {
            bytes_.push_back(0);
            free_ = 8;
        }
        const int n = bits < free_ ? bits : free_;
        const std::uint32_t part = (value >> (bits - n)) & ((1u << n) - 1);
        bytes_.back() = std::uint8_t(bytes_.back() | (part << (free_ - n)));
        free_ -= n;
        bits -= n;
    }
}

void BitWriter::ue(std::uint32_t value) {
    const std::uint32_t code = value + 1;
    int bits = 1;
    while (bits < 32 && (code >> bits) != 0) bits++;
    u(0, bits - 1);
    u(code, bits);
}

void BitWriter::se(std::int32_t value) {
    ue(value > 0 ? 2 * std::uint32_t(value) - 1 : 2 * (0u - std::uint32_t(value)));
}

void BitWriter::append(const BitWriter& other) {
    const size_t count = other.bit_count();
    for (size_t i = 0; i < count; i += 8) {
        const int bits = int(count - i < 8 ? count - i : 8);
        u(std::uint32_t(other.bytes_[i / 8]) >> (8 - bits), bits);
    }
}

void BitWriter::align_zero() {
    free_ = 0;
}

void BitWriter::trailing_bits() {
    flag(true);
    align_zero();
}

namespace {

// Calls emit(byte) for each byte of the NAL unit's payload.
template <class Emit>
void with_emulation_prevention(const Bytes& rbsp, Emit emit) {
    int zeros = 0;
    for (const std::uint8_t byte : rbsp) {
        if (zeros == 2 && byte <= 3) {
            emit(std::uint8_t{3});
            zeros = 0;
        }
        emit(byte);
        zeros = byte == 0 ? zeros + 1 : 0;
    }
}

}  // namespace

size_t count_emulation_prevention(const Bytes& rbsp) {
    size_t emitted = 0;
    with_emulation_prevention(rbsp, [&](std::uint8_t) { emitted++; });
    return emitted - rbsp.size();
}

void append_nal(Bytes& stream, NalType type, const Bytes& rbsp, bool first_of_access_unit) {
    const bool parameter_set = type == NalType::kSps || type == NalType::kPps || type == NalType::kPrefixAps;
    if (parameter_set || first_of_access_unit) stream.push_back(0);
    stream.insert(stream.end(), {0, 0, 1});
    // forbidden_zero_bit, nuh_reserved_zero_bit, nuh_layer_id 0; nal_unit_type, nuh_temporal_id_plus1
    stream.push_back(0);
    stream.push_back(std::uint8_t((unsigned(type) << 3) | 1));
    with_emulation_prevention(rbsp, [&](std::uint8_t byte) { stream.push_back(byte); });
}

}  // namespace idse::vvc
