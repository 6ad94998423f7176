#include "sei.h"

namespace idse::vvc {

Md5Digest plane_md5(const Plane& plane) {
    Md5 md5;
    Bytes row(2 * size_t(plane.width()));
    for (int y = 0; y < plane.height(); y++) {
        const Sample* samples = plane.at(0, y);
        for (size_t x = 0; x < size_t(plane.width()); x++) {
            row[2 * x] = std::uint8_t(samples[x]);
            row[2 * x + 1] = std::uint8_t(samples[x] >> 8);
        }
        md5.update(row.data(), row.size());
    }
    return md5.finish();
}

void append_picture_hash(Bytes& stream, const Picture& picture) {
    const bool chroma = picture.chroma_format != ChromaFormat::k400;
    const int planes = chroma ? 3 : 1;
    BitWriter w;
    w.u(132, 8);                             // payload_type_byte: decoded picture hash
    w.u(std::uint32_t(2 + 16 * planes), 8);  // payload_size_byte
    w.u(0, 8);                               // dph_sei_hash_type: MD5
    w.flag(!chroma);                         // dph_sei_single_component_flag
    w.u(0, 7);                               // dph_sei_reserved_zero_7bits
    for (int i = 0; i < planes; i++)
        for (const std::uint8_t byte : plane_md5(picture.planes[size_t(i)])) w.u(byte, 8);
    w.trailing_bits();
    append_nal(stream, NalType::kSuffixSei, w.bytes(), false);
}

}  // namespace idse::vvc
