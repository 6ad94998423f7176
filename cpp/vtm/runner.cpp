#include "runner.h"

#include <time.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

// In this order: others of VTM's headers need what the first brings.
// clang-format off
#include "EncoderLib/EncLibCommon.h"
#include "EncApp.h"
// clang-format on
#include "CommonLib/Hash.h"
#include "CommonLib/Rom.h"
#include "CommonLib/idse/overlay.h"
#include "CommonLib/version.h"
#include "Utilities/program_options_lite.h"

namespace idse::vtm {

namespace {

// Neural post-filters came with VTM 20.
template <class App, class = void>
struct PostFilter {
    static void apply(App&) {}
};
template <class App>
struct PostFilter<App, std::void_t<decltype(std::declval<App&>().applyNnPostFilter())>> {
    static void apply(App& app) {
        if (app.getNNPostFilterEnabled()) app.applyNnPostFilter();
    }
};

// VTM's tables, made once and kept: its dependent quantisation keeps pointers into them from the first encode
// on.
void make_tables() {
    static const bool made = [] {
        initROM();
#if IDSE_VTM_BLOCK_HASHES
        TComHash::initBlockSizeToIndex();
#endif
        return true;
    }();
    (void)made;
}

// Memory of zeros, made where no compiler sees that a constructor will take it over.
[[gnu::noinline]] void* zeros(std::size_t size, std::size_t alignment) {
    void* const memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (!memory) throw std::bad_alloc();
    return std::memset(memory, 0, size);
}

// VTM leaves members unset, which in a process of its own are zero: here they must be so too, whatever was
// coded before.
template <class T>
struct Zeroed {
    template <class... Arguments>
    static T* make(Arguments&&... arguments) {
        void* const memory = zeros(sizeof(T), std::max(alignof(T), alignof(std::max_align_t)));
        return new (memory) T(std::forward<Arguments>(arguments)...);
    }
    void operator()(T* object) const {
        object->~T();
        std::free(object);
    }
};

// Private members of EncApp: it takes its library down after a summary only, which fails where an encode of
// inter pictures was ended half-way. An explicit instantiation may name them.
template <class Tag, class Type, Type EncApp::*member>
struct Reveal {
    friend Type EncApp::*reveal(Tag) { return member; }
};
struct TheLibrary {
    friend EncLib EncApp::*reveal(TheLibrary);
};
struct TheOriginal {
    friend PelStorage* EncApp::*reveal(TheOriginal);
};
struct TheTrueOriginal {
    friend PelStorage* EncApp::*reveal(TheTrueOriginal);
};
template struct Reveal<TheLibrary, EncLib, &EncApp::m_cEncLib>;
template struct Reveal<TheOriginal, PelStorage*, &EncApp::m_orgPic>;
template struct Reveal<TheTrueOriginal, PelStorage*, &EncApp::m_trueOrgPic>;

void take_down_without_summary(EncApp& app) {
    EncLib& library = app.*reveal(TheLibrary());
    library.deletePicBuffer();
    library.destroy();
    delete (app.*reveal(TheOriginal()));
    delete (app.*reveal(TheTrueOriginal()));
}

class Encoder {
  public:
    Encoder() : common_(Zeroed<EncLibCommon>::make()), app_(Zeroed<EncApp>::make(bitstream_, common_.get())) {
        app_->create();
    }
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;

    // After an encode that failed the library is still there.
    ~Encoder() {
        try {
            if (open_) take_down_without_summary(*app_);
        } catch (const std::exception&) {
        }
        app_->destroy();
        // Destructors of VTM free what only createLib() sets: without it, it must stay (VTM's own main leaves
        // it too).
        if (!created_) app_.release();
    }

    void configure(std::vector<char*>& arguments) {
        if (!app_->parseCfg(int(arguments.size()), arguments.data())) throw Failure(last_error());
        if (app_->getMaxLayers() > 1) throw Failure("several layers cannot be coded in process");
        app_->createLib(0);
        open_ = created_ = true;
    }

    void encode() {
        for (bool end = false; !end;) {
            while (app_->encodePrep(end)) {
            }
            while (app_->encode()) {
            }
        }
        PostFilter<EncApp>::apply(*app_);
    }

    void close() {
        if (!open_) return;
        open_ = false;
        app_->destroyLib();
    }

  private:
    std::fstream bitstream_;
    std::unique_ptr<EncLibCommon, Zeroed<EncLibCommon>> common_;
    std::unique_ptr<EncApp, Zeroed<EncApp>> app_;
    bool created_ = false;
    bool open_ = false;
};

double thread_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

void check_arguments(const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments)
        if (argument.size() > 2 && argument.compare(0, 2, "-l") == 0 && std::isdigit(argument[2]))
            throw Failure(argument + ": several layers cannot be coded in process");
}

// SIMD is chosen once in a process, by its first encode: VTM's tables of functions keep it.
void choose_simd(const std::vector<char*>& arguments) {
#if ENABLE_SIMD_OPT
    std::string simd;
    IDSE_VTM_OPTIONS::Options options;
    options.addOptions()("SIMD", simd, std::string(), "")("c", IDSE_VTM_OPTIONS::parseConfigFile, "");
    IDSE_VTM_OPTIONS::SilentReporter silent;
    std::vector<const char*> given(arguments.begin(), arguments.end());
    IDSE_VTM_OPTIONS::scanArgv(options, unsigned(given.size()), given.data(), silent);
    read_x86_extension(simd);
#else
    (void)arguments;
#endif
}

// The encoder is the caller's: it outlives a call of exit(), and then can be taken down.
void code(const std::vector<std::string>& arguments, Capture& capture, std::unique_ptr<Encoder>& encoder) {
    check_arguments(arguments);
    std::vector<std::string> texts{"idse"};  // where a program's name is
    texts.insert(texts.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(&text[0]);

    std::printf("VVCSoftware: VTM Encoder Version %s, in process\n", VTM_VERSION);
    choose_simd(pointers);
    const auto began = std::chrono::steady_clock::now();
    const double cpu_began = thread_seconds();
    make_tables();
    encoder = std::make_unique<Encoder>();
    try {
        encoder->configure(pointers);
        encoder->encode();
        encoder->close();
    } catch (...) {
        capture.flush();
        capture.mute();  // what is taken down next has nothing to tell
        throw;
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - began;
    std::printf("\n Total Time: %12.3f sec. [user] %12.3f sec. [elapsed]\n", thread_seconds() - cpu_began,
                elapsed.count());
}

std::string trimmed(const std::string& text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string::npos) return "";
    return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

Failure failure(const std::string& said, const Capture& capture) {
    std::string text = trimmed(said);
    if (text.empty()) text = trimmed(capture.complaint());
    return Failure(text.empty() ? "VTM refused its arguments without a word" : text);
}

struct Call {
    const std::vector<std::string>& arguments;
    Capture& capture;
    std::unique_ptr<Encoder> encoder;
};

}  // namespace

void run_encoder(const std::vector<std::string>& arguments, const LineSink& sink) {
    Capture capture(sink);
    Call call{arguments, capture, nullptr};
    int status = 0;
    bool returned = false;
    try {
        returned = run_guarded(
            [](void* context) {
                auto& c = *static_cast<Call*>(context);
                code(c.arguments, c.capture, c.encoder);
            },
            &call, status);
    } catch (const Interrupted&) {
        throw;
    } catch (const IDSE_VTM_OPTIONS::ParseFailure& e) {
        throw Failure("option " + e.arg + " cannot be '" + e.val + "'");
    } catch (const std::bad_alloc&) {
        throw Failure("out of memory");
    } catch (const std::exception& e) {
        throw failure(e.what(), capture);
    }
    capture.flush();
    if (!returned) {
        capture.mute();
        throw failure(capture.complaint(), capture);
    }
}

const char* encoder_version() {
    return VTM_VERSION;
}

}  // namespace idse::vtm
