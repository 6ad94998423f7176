#include "dct_tables.h"

namespace idse::vvc {

const Dct2Matrix<4> kDct2Matrix4 = make_dct2_matrix<4>();
const Dct2Matrix<8> kDct2Matrix8 = make_dct2_matrix<8>();
const Dct2Matrix<16> kDct2Matrix16 = make_dct2_matrix<16>();
const Dct2Matrix<32> kDct2Matrix32 = make_dct2_matrix<32>();
const Dct2Matrix<64> kDct2Matrix64 = make_dct2_matrix<64>();

}  // namespace idse::vvc
