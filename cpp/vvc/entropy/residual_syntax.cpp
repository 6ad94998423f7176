#include "residual_syntax.h"

namespace idse::vvc {

namespace residual_detail {

int find_coded_groups(const Level* levels, const ScanOrder& scan, int log2_w, bool* coded) {
    const int group_w = 1 << scan.log2_group_w;
    const int group_h = 1 << scan.log2_group_h;
    int last = -1;
    for (int g = 0; g < scan.groups; g++) {
        const Level* row = levels + scan.position[size_t(g) * kGroupSize];
        std::uint64_t any = 0;
        for (int y = 0; y < group_h; y++, row += std::ptrdiff_t{1} << log2_w) {
            if (group_w == 4) {
                std::uint64_t four;
                std::memcpy(&four, row, sizeof four);
                any |= four;
            } else {
                for (int x = 0; x < group_w; x++) any |= std::uint64_t(row[x] != 0);
            }
        }
        coded[g] = any != 0;
        if (any) last = g;
    }
    return last;
}

}  // namespace residual_detail

template void code_residual(BitCounter&, const Level*, const ResidualShape&);
template void code_residual(CabacWriter&, const Level*, const ResidualShape&);
template void code_residual_ts(BitCounter&, const Level*, const ResidualShape&);
template void code_residual_ts(CabacWriter&, const Level*, const ResidualShape&);

}  // namespace idse::vvc
