// The slice data of a picture from its decisions: entropy coding, a pass of its own.
#pragma once

#include <cstdint>
#include <vector>

#include "picture_search.h"

namespace idse::vvc {

// One substream of the whole slice, or with WPP one per CTU row, written in parallel on up to `threads`
// threads; each is what CabacWriter::finish() returned. state: grids as the search left them. Throws
// std::logic_error where the writer's contexts are not those that the search counted with.
std::vector<std::vector<std::uint8_t>> write_slice(const FrameContext& context, const FrameState& state,
                                                   const PictureDecisions& decisions, int threads);

}  // namespace idse::vvc
