#include <algorithm>
#include <stdexcept>

#include "check.h"
#include "tools.h"

using namespace idse::vtm;

namespace {

// The complaint, or "" where there is none.
std::string complaint(const std::string& text) {
    try {
        parse_tools(text);
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return "";
}

}  // namespace

TEST(every_name_is_its_tool) {
    const std::pair<const char*, unsigned> named[] = {
        {"sse", kSse}, {"chroma", kChroma},     {"satd", kSatd}, {"quant", kQuant},
        {"qp", kQp},   {"chromaqp", kChromaQp}, {"alf", kAlf},   {"sao", kSao}};
    unsigned all = 0;
    std::string joined;
    for (const auto& [name, tool] : named) {
        CHECK_EQ(parse_tools(name), tool);
        CHECK(tool_names(tool) == name);
        CHECK_EQ(all & tool, 0u);
        all |= tool;
        joined += (joined.empty() ? "" : ",") + std::string(name);
        CHECK_EQ(parse_tools(joined), all);
        CHECK(tool_names(all) == (all == unsigned(kAllTools) ? "all" : joined));
    }
    CHECK_EQ(all, unsigned(kAllTools));
}

TEST(parts_of_the_frequency_scope_have_names) {
    CHECK_EQ(parse_frequency_scope("all"), unsigned(kAllFrequency));
    CHECK_EQ(parse_frequency_scope("none"), 0u);
    CHECK_EQ(parse_frequency_scope("rdo"), unsigned(kFrequencyRdo));
    CHECK_EQ(parse_frequency_scope("quant,rdo"), unsigned(kAllFrequency));
    for (unsigned scope = 0; scope <= kAllFrequency; scope++)
        CHECK_EQ(parse_frequency_scope(frequency_scope_names(scope)), scope);
    for (const char* text : {"", "qp", "rdo,"}) {
        std::string said;
        try {
            parse_frequency_scope(text);
        } catch (const std::invalid_argument& e) {
            said = e.what();
        }
        CHECK(said.find("IDSEFrequency") == 0 && said.find("rdo,quant") != std::string::npos);
    }
}

TEST(all_and_none) {
    CHECK_EQ(parse_tools("all"), unsigned(kAllTools));
    CHECK_EQ(parse_tools("none"), 0u);
    CHECK(tool_names(0) == "none");
    CHECK_EQ(parse_tools("qp,sse,qp"), unsigned(kSse | kQp));
    CHECK(tool_names(kQp | kSse) == "sse,qp");
}

TEST(other_words_are_refused_by_name) {
    for (const char* text : {"ssd", "SSE", " sse", "sse,qpp", "sse qp"}) {
        const std::string said = complaint(text);
        const std::string text_after_comma = std::string(text).substr(std::string(text).find(',') + 1);
        CHECK(said.find("'" + text_after_comma + "'") != std::string::npos);
        CHECK(said.find("sse,chroma,satd,quant,qp,chromaqp,alf,sao") != std::string::npos);
    }
    for (const char* text : {"", ",", "sse,", ",sse", "sse,,qp"})
        CHECK(complaint(text).find("''") != std::string::npos);
}
