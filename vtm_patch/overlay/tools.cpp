#include "tools.h"

#include <algorithm>
#include <stdexcept>

namespace idse {
namespace vtm {

namespace {

struct Named {
    const char* name;
    unsigned tool;
};

constexpr Named kScopes[] = {{"rdo", kFrequencyRdo}, {"quant", kFrequencyQuant}};

constexpr Named kTools[] = {{"sse", kSse}, {"chroma", kChroma},     {"satd", kSatd}, {"quant", kQuant},
                            {"qp", kQp},   {"chromaqp", kChromaQp}, {"alf", kAlf},   {"sao", kSao}};

// The mask of some names joined by commas; option: for the message.
template <size_t kCount>
unsigned parse_names(const std::string& text, const Named (&known)[kCount], const char* option) {
    unsigned mask = 0;
    for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find(',', begin), text.size());
        const std::string name = text.substr(begin, end - begin);
        begin = end + 1;
        bool found = name == "none";
        std::string names;
        for (const Named& t : known) {
            names += (names.empty() ? "" : ",") + std::string(t.name);
            if (name != "all" && name != t.name) continue;
            mask |= t.tool;
            found = true;
        }
        if (!found)
            throw std::invalid_argument(std::string(option) + ": '" + name +
                                        "' must be all, none, or some of " + names);
    }
    return mask;
}

template <size_t kCount>
std::string names_of(unsigned mask, const Named (&known)[kCount]) {
    std::string names;
    unsigned all = 0;
    for (const Named& t : known) {
        all |= t.tool;
        if (mask & t.tool) names += (names.empty() ? "" : ",") + std::string(t.name);
    }
    return mask == all ? "all" : names.empty() ? "none" : names;
}

}  // namespace

unsigned parse_tools(const std::string& text) {
    return parse_names(text, kTools, "IDSETools");
}

std::string tool_names(unsigned tools) {
    return names_of(tools, kTools);
}

unsigned parse_frequency_scope(const std::string& text) {
    return parse_names(text, kScopes, "IDSEFrequency");
}

std::string frequency_scope_names(unsigned scope) {
    return names_of(scope, kScopes);
}

}  // namespace vtm
}  // namespace idse
