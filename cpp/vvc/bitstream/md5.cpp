#include "md5.h"

#include <algorithm>
#include <cstring>

namespace idse::vvc {

namespace {

// floor(2^32 * |sin(i + 1)|)
constexpr std::array<std::uint32_t, 64> kSines = {
    // clang-format off
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
    // clang-format on
};

constexpr int kRotation[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

std::uint32_t rotate_left(std::uint32_t x, int n) {
    return (x << n) | (x >> (32 - n));
}

}  // namespace

void Md5::block(const std::uint8_t* data) {
    std::array<std::uint32_t, 16> words;
    for (size_t i = 0; i < 16; i++)
        words[i] = std::uint32_t(data[4 * i]) | std::uint32_t(data[4 * i + 1]) << 8 |
                   std::uint32_t(data[4 * i + 2]) << 16 | std::uint32_t(data[4 * i + 3]) << 24;
    auto [a, b, c, d] = state_;
    for (size_t i = 0; i < 64; i++) {
        std::uint32_t mixed = 0;
        size_t word = 0;
        switch (i / 16) {
            case 0:
                mixed = (b & c) | (~b & d), word = i;
                break;
            case 1:
                mixed = (d & b) | (~d & c), word = 5 * i + 1;
                break;
            case 2:
                mixed = b ^ c ^ d, word = 3 * i + 5;
                break;
            default:
                mixed = c ^ (b | ~d), word = 7 * i;
                break;
        }
        const std::uint32_t sum = a + mixed + kSines[i] + words[word % 16];
        a = d;
        d = c;
        c = b;
        b += rotate_left(sum, kRotation[i / 16][i % 4]);
    }
    state_[0] += a;
    state_[1] += b;
    state_[2] += c;
    state_[3] += d;
}

void Md5::update(const std::uint8_t* data, size_t size) {
    size_t filled = size_t(size_ % 64);
    size_ += size;
    if (filled) {
        const size_t n = std::min(size, 64 - filled);
        std::memcpy(pending_.data() + filled, data, n);
        data += n;
        size -= n;
        filled += n;
        if (filled < 64) return;
        block(pending_.data());
    }
    for (; size >= 64; data += 64, size -= 64) block(data);
    if (size) std::memcpy(pending_.data(), data, size);
}

Md5Digest Md5::finish() {
    const std::uint64_t bits = size_ * 8;
    const std::uint8_t one = 0x80, zero = 0;
    update(&one, 1);
    while (size_ % 64 != 56) update(&zero, 1);
    std::array<std::uint8_t, 8> length;
    for (size_t i = 0; i < 8; i++) length[i] = std::uint8_t(bits >> (8 * i));
    update(length.data(), length.size());
    Md5Digest digest;
    for (size_t i = 0; i < 16; i++) digest[i] = std::uint8_t(state_[i / 4] >> (8 * (i % 4)));
    return digest;
}

}  // namespace idse::vvc
