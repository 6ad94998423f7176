// The importance of a frame as it comes in: raw values, before shaping.
#pragma once

namespace idse::vvc {

inline constexpr int kProfileSize = 8;  // raw profiles are over the frequencies of 8x8 samples

// Importance of a frame: raw w(x, y) >= 0 on a grid of unit x unit luma samples, row-major,
// ceil(width/unit) x ceil(height/unit) values per plane. Above 1 = worth more bits. Luma's scale is free (it
// is normalised to geometric mean 1); chroma planes keep their ratio to luma, which becomes a chroma QP
// offset plus chroma weights of geometric mean 1. All planes share the luma grid.
struct FrameWeights {
    int log2_unit = 3;  // 0..7
    const float* planes[3] = {nullptr, nullptr,
                              nullptr};  // chroma may be null: luma's shape serves for chroma
    // Optional weights over frequency of each plane, 64 values >= 0: row v, column u for the DCT-II of 8x8
    // samples of that plane with vertical frequency v and horizontal frequency u. Chroma may be null: luma's
    // serves. The scale of each is free.
    const float* profiles[3] = {nullptr, nullptr, nullptr};
    // Optional rank-l factors of the true IDSE per 8x8 luma tile: [tile_rows][tile_cols][rank][64] floats
    // (the columns in raster order inside the tile); then luma distortion is ||F e||^2 + tau * mean *
    // ||e||^2.
    int tile_rank = 0;
    const float* tiles = nullptr;
};

}  // namespace idse::vvc
