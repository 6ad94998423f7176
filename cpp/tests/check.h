// The smallest test harness that serves: TEST(name) { CHECK(...); CHECK_EQ(a, b); }, run by test_main.cpp.
#pragma once

#include <iostream>
#include <string>
#include <vector>

namespace idse::test {

struct Case {
    const char* name;
    void (*run)();
};

inline std::vector<Case>& cases() {
    static std::vector<Case> all;
    return all;
}

inline int& failures() {
    static int count = 0;
    return count;
}

struct Register {
    Register(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

inline void fail(const char* file, int line, const std::string& what) {
    failures()++;
    if (failures() <= 50) std::cerr << file << ":" << line << ": " << what << "\n";
}

}  // namespace idse::test

#define TEST(name)                                                         \
    static void test_##name();                                             \
    static const idse::test::Register register_##name(#name, test_##name); \
    static void test_##name()

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) idse::test::fail(__FILE__, __LINE__, "not true: " #condition); \
    } while (0)

#define CHECK_EQ(a, b)                                                                                       \
    do {                                                                                                     \
        const auto check_a = (a);                                                                            \
        const auto check_b = (b);                                                                            \
        if (!(check_a == check_b))                                                                           \
            idse::test::fail(__FILE__, __LINE__,                                                             \
                             #a " == " + std::to_string(check_a) + ", expected " + std::to_string(check_b)); \
    } while (0)
