// What VTM prints, and its calls of exit(), kept within the process that it is a part of.
//
// The linker sends VTM's calls of printf and its kin here (--wrap, see cmake/vtm_module.cmake), so that file
// descriptor 1 and what other threads print stay as they are.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace idse::vtm {

using LineSink = std::function<void(const std::string&)>;

// While it lives, what this thread prints on standard output and standard error goes to `sink` line by line,
// without the line's end. One at a time in a process.
class Capture {
  public:
    explicit Capture(LineSink sink);
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    // Passes on a line that has no end yet.
    void flush();
    // From here on lines are dropped.
    void mute() { muted_ = true; }
    // The last line that reports an error; empty without one.
    const std::string& complaint() const { return complaint_; }

    void take(const char* text, std::size_t size);

  private:
    class Buffer;

    LineSink sink_;
    std::string line_;
    std::string complaint_;
    bool muted_ = false;
    std::unique_ptr<Buffer> out_;
    std::unique_ptr<Buffer> err_;
};

// Prints a line on the process's own standard output.
void print_line(const std::string& line);

// Calls body(context). False if it called exit(), whose status is then in `status`: what it had on its stack
// is lost, but the process goes on.
bool run_guarded(void (*body)(void*), void* context, int& status);

}  // namespace idse::vtm
