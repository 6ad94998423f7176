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

constexpr Named kTools[] = {{"sse", kSse}, {"chroma", kChroma},     {"satd", kSatd}, {"quant", kQuant},
                            {"qp", kQp},   {"chromaqp", kChromaQp}, {"alf", kAlf},   {"sao", kSao}};

unsigned tool_of(const std::string& name) {
    if (name == "all") return kAllTools;
    if (name == "none") return 0;
    for (const Named& t : kTools)
        if (name == t.name) return t.tool;
    throw std::invalid_argument("IDSETools: '" + name +
                                "' must be all, none, or some of sse,chroma,satd,quant,qp,chromaqp,alf,sao");
}

}  // namespace

unsigned parse_tools(const std::string& text) {
    unsigned tools = 0;
    for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find(',', begin), text.size());
        tools |= tool_of(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return tools;
}

std::string tool_names(unsigned tools) {
    if (tools == kAllTools) return "all";
    std::string names;
    for (const Named& t : kTools)
        if (tools & t.tool) names += (names.empty() ? "" : ",") + std::string(t.name);
    return names.empty() ? "none" : names;
}

}  // namespace vtm
}  // namespace idse
