// The decisions of VTM that a weight map may act on.
#pragma once

#include <string>

namespace idse {
namespace vtm {

// A set of these as a mask; names as in --IDSETools.
enum Tool : unsigned {
    kSse = 1,        // sse: squared error of luma in every decision
    kChroma = 2,     // chroma: the same of Cb and Cr, and the chroma weights in the quantiser
    kSatd = 4,       // satd: preselection of luma modes, sqrt(lambda / w)
    kQuant = 8,      // quant: lambda / w in RDOQ and dependent quantisation
    kQp = 16,        // qp: QP - 3 log2(w) per 64x64 luma block
    kChromaQp = 32,  // chromaqp: the map's chroma importance as chroma QP offsets
    kAlf = 64,       // alf: statistics of ALF and CCALF
    kSao = 128,      // sao: statistics of SAO
    kAllTools = 255,
};

// Reads "all", "none" or names joined by commas. Throws std::invalid_argument naming the unknown word.
unsigned parse_tools(const std::string& text);

// The names of a mask, as parse_tools() reads them.
std::string tool_names(unsigned tools);

// Where the weights over frequency act.
enum FrequencyScope : unsigned {
    kFrequencyRdo = 1,    // rdo: squared error of every decision
    kFrequencyQuant = 2,  // quant: the errors that RDOQ and dependent quantisation count
    kAllFrequency = 3,
};

// Reads "all", "none" or names joined by commas. Throws std::invalid_argument naming the unknown word.
unsigned parse_frequency_scope(const std::string& text);
std::string frequency_scope_names(unsigned scope);

}  // namespace vtm
}  // namespace idse
