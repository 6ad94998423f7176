// Decoded picture hash SEI message (clause D.5 of H.274: payload type 132).
#pragma once

#include "../picture.h"
#include "bit_writer.h"
#include "md5.h"

namespace idse::vvc {

// MD5 of a plane: samples row by row, two bytes each, the low one first (10 bits).
Md5Digest plane_md5(const Plane& plane);

// Appends the suffix SEI NAL unit of the picture just written. picture: final reconstruction in its whole
// coded size, what the conformance window hides included.
void append_picture_hash(Bytes& stream, const Picture& picture);

}  // namespace idse::vvc
