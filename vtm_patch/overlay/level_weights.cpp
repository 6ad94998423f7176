#include "level_weights.h"

#include "frequency_weight.h"

namespace idse {
namespace vtm {

LevelWeights::LevelWeights(const idse::vvc::FrequencyGains& gains) {
    for (int i = 0; i < kSides; i++)
        for (int j = 0; j < kSides; j++) {
            const int w = 1 << i, h = 1 << j;
            tables_[i][j].reserve(std::size_t(w) * std::size_t(h));
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++)
                    tables_[i][j].push_back(frequency_weight(gains, x, y, w, h) /
                                            double(1 << idse::vvc::kWeightShift));
        }
}

const double* LevelWeights::of(int w, int h) const {
    int i = 0, j = 0;
    while (i < kSides && (1 << i) != w) i++;
    while (j < kSides && (1 << j) != h) j++;
    return i < kSides && j < kSides && !tables_[i][j].empty() ? tables_[i][j].data() : nullptr;
}

}  // namespace vtm
}  // namespace idse
