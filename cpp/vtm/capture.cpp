#include "capture.h"

#include <algorithm>
#include <cctype>
#include <csetjmp>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <streambuf>
#include <utility>
#include <vector>

extern "C" {
int __real_vfprintf(FILE* file, const char* format, va_list arguments);
int __real_fputc(int character, FILE* file);
int __real_fputs(const char* text, FILE* file);
std::size_t __real_fwrite(const void* data, std::size_t size, std::size_t count, FILE* file);
[[noreturn]] void __real_exit(int status);

int __wrap_printf(const char* format, ...);
int __wrap_vprintf(const char* format, va_list arguments);
int __wrap_fprintf(FILE* file, const char* format, ...);
int __wrap_vfprintf(FILE* file, const char* format, va_list arguments);
int __wrap___printf_chk(int flag, const char* format, ...);
int __wrap___vprintf_chk(int flag, const char* format, va_list arguments);
int __wrap___fprintf_chk(FILE* file, int flag, const char* format, ...);
int __wrap___vfprintf_chk(FILE* file, int flag, const char* format, va_list arguments);
int __wrap_puts(const char* text);
int __wrap_putchar(int character);
int __wrap_putc(int character, FILE* file);
int __wrap_fputc(int character, FILE* file);
int __wrap_fputs(const char* text, FILE* file);
std::size_t __wrap_fwrite(const void* data, std::size_t size, std::size_t count, FILE* file);
[[noreturn]] void __wrap_exit(int status);
}

namespace idse::vtm {

namespace {

thread_local Capture* current = nullptr;

struct Return {
    std::jmp_buf place;
    int status = 0;
};
thread_local Return* way_back = nullptr;

bool captured(FILE* file) {
    return current && (file == stdout || file == stderr);
}

int print(FILE* file, const char* format, va_list arguments) {
    if (!captured(file)) return __real_vfprintf(file, format, arguments);
    va_list again;
    va_copy(again, arguments);
    char text[1024];
    const int size = std::vsnprintf(text, sizeof text, format, arguments);
    if (size >= int(sizeof text)) {
        std::vector<char> longer(std::size_t(size) + 1);
        std::vsnprintf(longer.data(), longer.size(), format, again);
        current->take(longer.data(), std::size_t(size));
    } else if (size > 0) {
        current->take(text, std::size_t(size));
    }
    va_end(again);
    return size;
}

}  // namespace

// Stands in for a stream's own buffer; other threads' text goes on to that.
class Capture::Buffer : public std::streambuf {
  public:
    explicit Buffer(std::ostream& stream) : stream_(stream), own_(stream.rdbuf(this)) {}
    ~Buffer() override { stream_.rdbuf(own_); }

  protected:
    int_type overflow(int_type character) override {
        if (!current) return own_->sputc(char(character));
        const char c = char(character);
        current->take(&c, 1);
        return character;
    }
    std::streamsize xsputn(const char* text, std::streamsize size) override {
        if (!current) return own_->sputn(text, size);
        current->take(text, std::size_t(size));
        return size;
    }
    int sync() override { return own_->pubsync(); }

  private:
    std::ostream& stream_;
    std::streambuf* own_;
};

Capture::Capture(LineSink sink)
    : sink_(std::move(sink)),
      out_(std::make_unique<Buffer>(std::cout)),
      err_(std::make_unique<Buffer>(std::cerr)) {
    current = this;
}

Capture::~Capture() {
    current = nullptr;
}

void Capture::take(const char* text, std::size_t size) {
    const char* const end = text + size;
    while (text != end) {
        const char* const stop = std::find(text, end, '\n');
        line_.append(text, stop);
        if (stop == end) return;
        text = stop + 1;
        flush();
    }
}

void Capture::flush() {
    std::string line;
    line.swap(line_);
    if (muted_ || line.empty()) return;
    std::string small = line;
    for (char& c : small) c = char(std::tolower(static_cast<unsigned char>(c)));
    if (small.find("error") != std::string::npos && small.find("error condition") == std::string::npos)
        complaint_ = line;
    sink_(line);
}

void print_line(const std::string& line) {
    __real_fputs((line + "\n").c_str(), stdout);
    std::fflush(stdout);
}

bool run_guarded(void (*body)(void*), void* context, int& status) {
    Return place;
    way_back = &place;
    if (setjmp(place.place) != 0) {
        status = place.status;
        way_back = nullptr;
        return false;
    }
    try {
        body(context);
    } catch (...) {
        way_back = nullptr;
        throw;
    }
    way_back = nullptr;
    return true;
}

}  // namespace idse::vtm

using namespace idse::vtm;

int __wrap_printf(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int size = print(stdout, format, arguments);
    va_end(arguments);
    return size;
}

int __wrap_vprintf(const char* format, va_list arguments) {
    return print(stdout, format, arguments);
}

int __wrap_fprintf(FILE* file, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int size = print(file, format, arguments);
    va_end(arguments);
    return size;
}

int __wrap_vfprintf(FILE* file, const char* format, va_list arguments) {
    return print(file, format, arguments);
}

// What printf and its kin become where VTM is compiled with _FORTIFY_SOURCE.
int __wrap___printf_chk(int, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int size = print(stdout, format, arguments);
    va_end(arguments);
    return size;
}

int __wrap___vprintf_chk(int, const char* format, va_list arguments) {
    return print(stdout, format, arguments);
}

int __wrap___fprintf_chk(FILE* file, int, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int size = print(file, format, arguments);
    va_end(arguments);
    return size;
}

int __wrap___vfprintf_chk(FILE* file, int, const char* format, va_list arguments) {
    return print(file, format, arguments);
}

int __wrap_puts(const char* text) {
    __wrap_fputs(text, stdout);
    return __wrap_fputc('\n', stdout);
}

int __wrap_putchar(int character) {
    return __wrap_fputc(character, stdout);
}

int __wrap_putc(int character, FILE* file) {
    return __wrap_fputc(character, file);
}

int __wrap_fputc(int character, FILE* file) {
    if (!captured(file)) return __real_fputc(character, file);
    const char c = char(character);
    current->take(&c, 1);
    return character;
}

int __wrap_fputs(const char* text, FILE* file) {
    if (!captured(file)) return __real_fputs(text, file);
    current->take(text, std::char_traits<char>::length(text));
    return 0;
}

std::size_t __wrap_fwrite(const void* data, std::size_t size, std::size_t count, FILE* file) {
    if (!captured(file)) return __real_fwrite(data, size, count, file);
    current->take(static_cast<const char*>(data), size * count);
    return count;
}

void __wrap_exit(int status) {
    if (!way_back) __real_exit(status);
    way_back->status = status;
    std::longjmp(way_back->place, 1);
}
