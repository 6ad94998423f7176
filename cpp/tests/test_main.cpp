#include <cstring>

#include "check.h"

// Runs every registered test, or those whose name contains an argument.
int main(int argc, char** argv) {
    int run = 0;
    for (const auto& test : idse::test::cases()) {
        bool wanted = argc == 1;
        for (int i = 1; i < argc; i++) wanted |= std::strstr(test.name, argv[i]) != nullptr;
        if (!wanted) continue;
        const int before = idse::test::failures();
        test.run();
        run++;
        std::cout << (idse::test::failures() == before ? "ok   " : "FAIL ") << test.name << "\n";
    }
    std::cout << run << " tests, " << idse::test::failures() << " failed checks\n";
    return idse::test::failures() == 0 && run > 0 ? 0 : 1;
}
