// Planes of samples, and the per-picture grids that record what has been coded where.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "types.h"

namespace idse::vvc {

// One plane of samples, rows without padding (stride == width).
class Plane {
  public:
    Plane() = default;
    Plane(int width, int height) : width_(width), height_(height), samples_(size_t(width) * height) {}

    int width() const { return width_; }
    int height() const { return height_; }
    std::ptrdiff_t stride() const { return width_; }
    Sample* at(int x, int y) { return samples_.data() + size_t(y) * width_ + x; }
    const Sample* at(int x, int y) const { return samples_.data() + size_t(y) * width_ + x; }

  private:
    int width_ = 0;
    int height_ = 0;
    std::vector<Sample> samples_;
};

// A picture of coded size (a multiple of 8 in both directions); planes 1 and 2 are empty for 4:0:0.
struct Picture {
    Picture() = default;
    Picture(int width, int height, ChromaFormat format) : chroma_format(format) {
        planes[0] = Plane(width, height);
        if (format == ChromaFormat::k420) planes[1] = planes[2] = Plane(width / 2, height / 2);
    }
    int width() const { return planes[0].width(); }
    int height() const { return planes[0].height(); }
    Plane& plane(Component c) { return planes[size_t(c)]; }
    const Plane& plane(Component c) const { return planes[size_t(c)]; }

    ChromaFormat chroma_format = ChromaFormat::k400;
    std::array<Plane, 3> planes;
};

// What is known of the coding block that covers one 4x4 luma cell. Sizes and origins are in luma samples
// for both trees, so that a chroma block of 4x4 samples (4:2:0) has log2_w == 3.
struct BlockInfo {
    std::uint16_t x0 = 0;  // origin of the coding block, luma samples
    std::uint16_t y0 = 0;
    std::uint8_t log2_w = 0;  // 0 = not coded yet: the cell is not available for prediction
    std::uint8_t log2_h = 0;
    std::uint8_t qt_depth = 0;  // CqtDepth, for the context of split_qt_flag
    std::uint8_t mode = 0;      // IntraPredModeY, or the chroma tree's final chroma mode
    std::int8_t qp = 0;         // QpY of the coding unit (without QpBdOffset)
    bool coded() const { return log2_w != 0; }
};

// BlockInfo per 4x4 luma cell: one grid for the luma tree, one for the chroma tree.
// A search trial that is given up is undone by clear() of its area.
class BlockGrid {
  public:
    BlockGrid() = default;
    BlockGrid(int width, int height)
        : cols_((width + kUnit - 1) / kUnit),
          rows_((height + kUnit - 1) / kUnit),
          cells_(size_t(cols_) * rows_) {}

    int cols() const { return cols_; }
    int rows() const { return rows_; }
    // Cell by cell coordinates (luma samples / 4).
    BlockInfo& cell(int cx, int cy) { return cells_[size_t(cy) * cols_ + cx]; }
    const BlockInfo& cell(int cx, int cy) const { return cells_[size_t(cy) * cols_ + cx]; }
    // Cell that covers a luma sample position.
    const BlockInfo& at(int x, int y) const { return cell(x >> kUnitLog2, y >> kUnitLog2); }

    // Luma area, clipped to the picture.
    void fill(const Block& luma, const BlockInfo& info) {
        for_cells(luma, [&](BlockInfo& c) { c = info; });
    }
    void clear(const Block& luma) { fill(luma, BlockInfo{}); }

    // Is the block that covers luma position (x, y) already coded? False outside the picture.
    // `x_limit` is the first luma column that may not be used: with WPP the end of the current CTU column
    // for rows above the current CTU (clause 6.4.4), else the picture's width.
    bool available(int x, int y, int x_limit) const {
        if (x < 0 || y < 0 || x >= x_limit || (x >> kUnitLog2) >= cols_ || (y >> kUnitLog2) >= rows_)
            return false;
        return at(x, y).coded();
    }

  private:
    template <class F>
    void for_cells(const Block& luma, F f) {
        const int x1 = std::min((luma.x + luma.w + kUnit - 1) / kUnit, cols_);
        const int y1 = std::min((luma.y + luma.h + kUnit - 1) / kUnit, rows_);
        for (int cy = luma.y / kUnit; cy < y1; cy++)
            for (int cx = luma.x / kUnit; cx < x1; cx++) f(cell(cx, cy));
    }

    int cols_ = 0;
    int rows_ = 0;
    std::vector<BlockInfo> cells_;
};

}  // namespace idse::vvc
