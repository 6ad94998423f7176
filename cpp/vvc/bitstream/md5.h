// MD5 (RFC 1321), for the decoded picture hash.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace idse::vvc {

using Md5Digest = std::array<std::uint8_t, 16>;

class Md5 {
  public:
    void update(const std::uint8_t* data, size_t size);
    Md5Digest finish();  // call once

  private:
    void block(const std::uint8_t* data);

    std::array<std::uint32_t, 4> state_ = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    std::array<std::uint8_t, 64> pending_{};
    std::uint64_t size_ = 0;  // bytes so far
};

}  // namespace idse::vvc
