// The weights of one picture, as each decision of VTM uses them.
#pragma once

#include <cstdint>

#include "tools.h"
#include "vvc/weights/plane_weights.h"
#include "vvc/weights/shaping.h"

namespace idse {
namespace vtm {

// Everything that is derived from the shaped map and the tools. With QPs of their own, blocks have the lambda
// of their QP: a decision whose tool is off then weighs by 64x64 blocks, so that lambda and QP agree;
// without, it is plain squared error.
class PictureWeights {
  public:
    PictureWeights() = default;
    // shaped: of a picture of width x height luma samples. chroma_scale: what chroma weighs besides, for Cb
    // and Cr (what chroma QP offsets don't already give). components: 1 or 3. clip_qp: limit of the QP
    // deltas.
    PictureWeights(const idse::vvc::ShapedWeights& shaped, int width, int height, int components,
                   unsigned tools, const double (&chroma_scale)[2], double clip_qp);

    // Weights of the squared error of component c.
    const idse::vvc::PlaneWeights& distortion(int c) const { return distortion_[c]; }
    // Mean weight of a transform block of component c, in its samples, for lambda / w.
    double quant_weight(int c, const idse::vvc::Block& block) const { return mean(quant_[c], block); }
    // The same of a luma block for the preselection by SATD.
    double satd_weight(const idse::vvc::Block& block) const { return mean(satd_, block); }
    // Weight of one sample in ALF's statistics, mean weight of a block in SAO's; 1 where the tool is off.
    double alf_weight(int c, int x, int y) const;
    double sao_weight(int c, const idse::vvc::Block& block) const;
    // QP delta of a luma block: of the 64x64 blocks it touches, as one. 0 without the tool.
    int qp_delta(const idse::vvc::Block& block) const;
    // Whether any 64x64 block has one.
    bool qp_varies() const { return qp_varies_; }

  private:
    static double mean(const idse::vvc::PlaneWeights& weights, const idse::vvc::Block& block);

    int width_ = 0;
    int height_ = 0;
    unsigned tools_ = 0;
    int qp_limit_ = 0;
    bool qp_varies_ = false;
    idse::vvc::PlaneWeights fine_[3];  // the shaped map
    idse::vvc::PlaneWeights distortion_[3];
    idse::vvc::PlaneWeights quant_[3];
    idse::vvc::PlaneWeights satd_;
};

}  // namespace vtm
}  // namespace idse
