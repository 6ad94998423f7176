#include "cabac.h"

#include <algorithm>

namespace idse::vvc {

// Mean of -log2(share of the interval) over the range 256..510 with density 1 / range, by the standard's
// division of the interval; in 2^-15 bit.
const std::array<std::uint32_t, 256> kBinRate = {
    // clang-format off
    212876, 212876, 212876, 212876, 173423, 173423, 173423, 173423, 150812, 150812, 150812, 150812,
    136691, 136691, 136691, 136691, 124971, 124971, 124971, 124971, 116296, 116296, 116296, 116296,
    108365, 108365, 108365, 108365, 102099, 102099, 102099, 102099, 96102, 96102, 96102, 96102,
    91196, 91196, 91196, 91196, 86374, 86374, 86374, 86374, 82343, 82343, 82343, 82343,
    78311, 78311, 78311, 78311, 74890, 74890, 74890, 74890, 71425, 71425, 71425, 71425,
    68453, 68453, 68453, 68453, 65415, 65415, 65415, 65415, 62789, 62789, 62789, 62789,
    60084, 60084, 60084, 60084, 57731, 57731, 57731, 57731, 55294, 55294, 55294, 55294,
    53163, 53163, 53163, 53163, 50945, 50945, 50945, 50945, 48997, 48997, 48997, 48997,
    46963, 46963, 46963, 46963, 45169, 45169, 45169, 45169, 43290, 43290, 43290, 43290,
    41628, 41628, 41628, 41628, 39882, 39882, 39882, 39882, 38334, 38334, 38334, 38334,
    36703, 36703, 36703, 36703, 35254, 35254, 35254, 35254, 30435, 30435, 30435, 30435,
    29162, 29162, 29162, 29162, 27813, 27813, 27813, 27813, 26608, 26608, 26608, 26608,
    25330, 25330, 25330, 25330, 24186, 24186, 24186, 24186, 22970, 22970, 22970, 22970,
    21881, 21881, 21881, 21881, 20723, 20723, 20723, 20723, 19684, 19684, 19684, 19684,
    18578, 18578, 18578, 18578, 17585, 17585, 17585, 17585, 16527, 16527, 16527, 16527,
    15575, 15575, 15575, 15575, 14561, 14561, 14561, 14561, 13648, 13648, 13648, 13648,
    12673, 12673, 12673, 12673, 11796, 11796, 11796, 11796, 10858, 10858, 10858, 10858,
    10013, 10013, 10013, 10013, 9110, 9110, 9110, 9110, 8296, 8296, 8296, 8296,
    7425, 7425, 7425, 7425, 6639, 6639, 6639, 6639, 5798, 5798, 5798, 5798,
    5038, 5038, 5038, 5038, 4225, 4225, 4225, 4225, 3490, 3490, 3490, 3490,
    2702, 2702, 2702, 2702, 1990, 1990, 1990, 1990, 1227, 1227, 1227, 1227,
    537, 537, 537, 537,
    // clang-format on
};

void ContextModel::init(int init_value, int shift_idx, int slice_qp) {
    const int slope = (init_value >> 3) - 4;
    const int offset = (init_value & 7) * 18 + 1;
    const int state = std::clamp(((slope * (std::clamp(slice_qp, 0, 63) - 16)) >> 1) + offset, 1, 127);
    state0 = std::uint16_t((state << 8) & kState0Mask);
    state1 = std::uint16_t((state << 8) & kState1Mask);
    shift0 = std::uint8_t(2 + ((shift_idx >> 2) & 3));
    shift1 = std::uint8_t(3 + shift0 + (shift_idx & 3));
}

void ContextSet::init(int slice_qp) {
    for (size_t i = 0; i < models.size(); i++)
        models[i].init(kContextInit[i].init_value, kContextInit[i].shift_idx, slice_qp);
}

void CabacWriter::start() {
    bytes_.clear();
    low_ = 0;
    range_ = 510;
    width_ = 9;
}

void CabacWriter::write_bytes(int enough) {
    while (width_ >= enough) {
        const std::uint64_t top = low_ >> (width_ - 8);
        // A carry out of the pending bits goes into the bytes already written. The interval never leaves [0,
        // 1), so that it stops at the latest in the first byte.
        if (top >> 8) {
            size_t i = bytes_.size();
            while (++bytes_[--i] == 0) {
            }
        }
        bytes_.push_back(std::uint8_t(top));
        width_ -= 8;
        low_ &= (std::uint64_t{1} << width_) - 1;
    }
}

void CabacWriter::terminate(unsigned b) {
    range_ -= 2;
    if (b) {
        low_ += range_;
        range_ = 2;
    }
    renormalise();
}

std::vector<std::uint8_t> CabacWriter::finish() {
    // terminate(1) left range 256 and low with seven zeros below: two bits of it remain to be written, and
    // any value in [low, low + 256) will do, so that the second of them may be 1.
    low_ = (low_ | 128) >> 7;
    width_ -= 7;
    const int padding = -width_ & 7;
    low_ <<= padding;
    width_ += padding;
    write_bytes(8);
    std::vector<std::uint8_t> done;
    done.swap(bytes_);
    start();
    return done;
}

}  // namespace idse::vvc
