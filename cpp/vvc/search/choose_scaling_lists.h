// Which scaling lists a picture gets: their gain against their bits.
#pragma once

#include <vector>

#include "../bitstream/scaling_list.h"
#include "../picture.h"
#include "../settings.h"
#include "../weights/frequency_gains.h"

namespace idse::vvc {

// Chooses the lists of the frames of a stream one after the other, as each may use those that the last one
// sent.
class ScalingListChooser {
  public:
    // source: coded size. gains: of each plane; empty gives flat lists. qp: qP of clause 8.7.1 of each plane
    // at the slice's QP.
    ScalingLists choose(const Picture& source, const std::vector<FrequencyGains>& gains, const int (&qp)[3],
                        ScalingListUse use);

  private:
    ScalingLists sent_;
    bool any_sent_ = false;
};

}  // namespace idse::vvc
