// idse._native: numpy planes in, bytes and reconstruction out. Naming things for the user is
// idse.engines.native's job; that no array is smaller than what the encoder reads is checked here.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "vvc/encoder.h"
#include "vvc/threads.h"

namespace py = pybind11;

namespace {

using namespace idse::vvc;

using Plane = py::array_t<std::uint16_t, py::array::c_style | py::array::forcecast>;
using Raster = py::array_t<float, py::array::c_style | py::array::forcecast>;

// One frame's weights as Python gives them; the arrays live as long as the encode.
struct Weights {
    int log2_unit;
    std::vector<Raster> planes;
    std::optional<Raster> tiles;
    std::optional<Raster> profiles;
};

constexpr std::chrono::milliseconds kPatience{50};  // between two looks at Ctrl-C and at what is done

// Runs the encode on a thread of its own while the calling thread, the only one that may see Ctrl-C, watches.
// Throws std::system_error where there is no further thread.
class EncodeJob {
  public:
    EncodeJob(const std::vector<SourceFrame>& frames, const std::vector<FrameWeights>& weights,
              const Settings& settings)
        : worker_(start_thread([this, &frames, &weights, &settings] { run(frames, weights, settings); })) {}

    ~EncodeJob() {
        stop_ = true;
        worker_.join();
    }

    // True when the encode has ended; else after `patience`.
    bool wait(std::chrono::milliseconds patience) {
        std::unique_lock<std::mutex> lock(mutex_);
        return ended_.wait_for(lock, patience, [this] { return done_; });
    }

    double share() const { return share_; }

    EncodedStream result() {
        if (error_) std::rethrow_exception(error_);
        return std::move(stream_);
    }

  private:
    void run(const std::vector<SourceFrame>& frames, const std::vector<FrameWeights>& weights,
             const Settings& settings) {
        try {
            stream_ = encode(frames, weights, settings, [this](double share) {
                share_ = share;
                return !stop_;
            });
        } catch (...) {
            error_ = std::current_exception();
        }
        const std::lock_guard<std::mutex> lock(mutex_);
        done_ = true;
        ended_.notify_all();
    }

    EncodedStream stream_;
    std::exception_ptr error_;
    std::atomic<double> share_{0.0};
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::condition_variable ended_;
    bool done_ = false;
    std::thread worker_;  // last: starts when everything else exists
};

// The calling thread's look at Ctrl-C and its word to the progress callback; called without the GIL.
class Watch {
  public:
    explicit Watch(const py::object& progress) : progress_(progress) {}
    void look(double share) {
        const py::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        if (!progress_.is_none() && share != told_) progress_(told_ = share);
    }

  private:
    const py::object& progress_;
    double told_ = 0.0;
};

// The vector becomes the array's memory.
py::array_t<std::uint16_t> to_array(std::vector<std::uint16_t> samples, py::ssize_t rows,
                                    py::ssize_t columns) {
    auto owner = std::make_unique<std::vector<std::uint16_t>>(std::move(samples));
    const std::uint16_t* data = owner->data();
    py::capsule capsule(owner.release(), [](void* p) { delete static_cast<std::vector<std::uint16_t>*>(p); });
    return py::array_t<std::uint16_t>({rows, columns}, data, capsule);
}

std::string shape_text(const std::vector<py::ssize_t>& shape) {
    std::string text;
    for (const py::ssize_t n : shape) text += (text.empty() ? "" : "x") + std::to_string(n);
    return text.empty() ? "a single number" : text;
}

void check_shape(const py::array& array, const std::string& name, const std::vector<py::ssize_t>& expected) {
    const std::vector<py::ssize_t> found(array.shape(), array.shape() + array.ndim());
    if (found != expected)
        throw EncodeError(name + " is " + shape_text(found) + ", not " + shape_text(expected) +
                          " (rows, columns, ...)");
}

// For the encoder; points into what is given.
FrameWeights checked_weights(const Weights& given, int width, int height) {
    if (given.log2_unit < 0 || given.log2_unit > 7)
        throw EncodeError("the weight map's log2_unit is " + std::to_string(given.log2_unit) +
                          ", not 0 to 7");
    if (given.planes.size() != 1 && given.planes.size() != 3)
        throw EncodeError("the weight map has " + std::to_string(given.planes.size()) +
                          " planes, not 1 or 3");
    FrameWeights map;
    map.log2_unit = given.log2_unit;
    const auto cells = [](int samples, int log2_unit) {
        return ((py::ssize_t(samples) - 1) >> log2_unit) + 1;
    };
    for (std::size_t i = 0; i < given.planes.size(); i++) {
        check_shape(given.planes[i], "a plane of the weight map",
                    {cells(height, given.log2_unit), cells(width, given.log2_unit)});
        map.planes[i] = given.planes[i].data();
    }
    if (given.tiles) {
        const py::ssize_t rank = given.tiles->ndim() == 4 ? given.tiles->shape(2) : 0;
        check_shape(*given.tiles, "the weight map's tiles",
                    {cells(height, 3), cells(width, 3), std::max<py::ssize_t>(rank, 1), 64});
        if (rank > 64) throw EncodeError("the tile rank is " + std::to_string(rank) + ", not 1 to 64");
        map.tile_rank = static_cast<int>(rank);
        map.tiles = given.tiles->data();
    }
    if (given.profiles) {
        const py::ssize_t planes = given.profiles->ndim() == 3 ? given.profiles->shape(0) : 1;
        check_shape(*given.profiles, "the weight map's frequency profile",
                    {planes == 3 ? planes : 1, kProfileSize, kProfileSize});
        for (py::ssize_t i = 0; i < planes; i++)
            map.profiles[i] = given.profiles->data() + i * kProfileSize * kProfileSize;
    }
    return map;
}

// settings: a copy, which no other thread of Python can change meanwhile.
py::tuple encode_frames(const std::vector<std::vector<Plane>>& planes, int width, int height, int bit_depth,
                        int chroma, const std::vector<Weights>& weights, Settings settings,
                        const py::object& progress) {
    const bool colour = chroma == int(ChromaFormat::k420);
    if (!colour && chroma != int(ChromaFormat::k400)) throw EncodeError("chroma must be 0 or 1");
    if (width < 1 || height < 1)
        throw EncodeError("width and height must be at least 1, not " + std::to_string(width) + "x" +
                          std::to_string(height));
    std::vector<SourceFrame> frames;
    for (const auto& frame : planes) {
        const std::size_t expected = colour ? 3 : 1;
        if (frame.size() != expected)
            throw EncodeError("a frame has " + std::to_string(frame.size()) + " planes, not " +
                              std::to_string(expected));
        SourceFrame source;
        source.width = width;
        source.height = height;
        source.bit_depth = bit_depth;
        source.chroma_format = static_cast<ChromaFormat>(chroma);
        for (std::size_t i = 0; i < expected; i++) {
            // Odd sizes are for encode() to refuse.
            const int shift = i == 0 ? 0 : 1;
            check_shape(frame[i], i == 0 ? "a luma plane" : "a chroma plane",
                        {(height + shift) >> shift, (width + shift) >> shift});
            source.planes[i] = frame[i].data();
        }
        frames.push_back(source);
    }
    std::vector<FrameWeights> maps;
    for (const Weights& given : weights) maps.push_back(checked_weights(given, width, height));

    EncodedStream stream;
    {
        const py::gil_scoped_release release;
        Watch watch(progress);
        try {
            EncodeJob job(frames, maps, settings);
            while (!job.wait(kPatience)) watch.look(job.share());
            stream = job.result();
        } catch (const std::system_error&) {
            // Without another thread the encode looks up by itself; its bytes do not depend on threads.
            settings.threads = 1;
            auto looked = std::chrono::steady_clock::now();
            stream = encode(frames, maps, settings, [&](double share) {
                const auto now = std::chrono::steady_clock::now();
                if (now - looked >= kPatience) {
                    watch.look(share);
                    looked = now;
                }
                return true;
            });
        }
        watch.look(1.0);
    }

    py::list recon;
    py::list stats;
    for (EncodedFrame& frame : stream.frames) {
        py::list reconstructed;
        py::list psnr;
        for (int i = 0; i < (chroma == 0 ? 1 : 3); i++) {
            const int shift = i == 0 ? 0 : 1;
            reconstructed.append(
                to_array(std::move(frame.planes[i]), (height + shift) >> shift, (width + shift) >> shift));
            psnr.append(frame.psnr[i]);
        }
        recon.append(py::tuple(reconstructed));
        py::dict figures;
        figures["bytes"] = frame.bytes;
        figures["qp"] = frame.qp;
        figures["cb_qp_offset"] = frame.cb_qp_offset;
        figures["cr_qp_offset"] = frame.cr_qp_offset;
        figures["psnr"] = py::tuple(psnr);
        stats.append(figures);
    }
    return py::make_tuple(py::bytes(reinterpret_cast<const char*>(stream.bytes.data()), stream.bytes.size()),
                          recon, stats);
}

}  // namespace

PYBIND11_MODULE(_native, m) {
    m.doc() = "The native VVC intra encoder; use idse.engines.native.";

    py::register_exception_translator([](std::exception_ptr p) {
        try {
            if (p) std::rethrow_exception(p);
        } catch (const EncodeError& e) {
            py::set_error(py::module_::import("idse.errors").attr("IdseError"), e.what());
        }
    });

    py::class_<Settings>(m, "Settings", "Settings of one encode; cpp/vvc/settings.h and tools.def say more.")
        .def(py::init<>())
        .def_readwrite("qp", &Settings::qp)
        .def_readwrite("target_bytes", &Settings::target_bytes)
        .def_readwrite("preset", &Settings::preset)
        .def_readwrite("threads", &Settings::threads)
#define TOOL(type, name, ...) .def_readwrite(#name, &Settings::name)
#include "vvc/tools.def"
        .def_readwrite("md5_sei", &Settings::md5_sei)
        .def_readwrite("cb_qp_offset", &Settings::cb_qp_offset)
        .def_readwrite("cr_qp_offset", &Settings::cr_qp_offset)
        .def_readwrite("weight_scope", &Settings::weight_scope)
        .def_readwrite("frequency_scope", &Settings::frequency_scope)
        .def_property(
            "scaling_lists", [](const Settings& s) { return int(s.scaling_lists); },
            [](Settings& s, int v) {
                if (v < 0 || v > int(ScalingListUse::kOff))
                    throw EncodeError("scaling_lists must be 0 (auto), 1 (on) or 2 (off)");
                s.scaling_lists = ScalingListUse(v);
            })
        .def_property(
            "tau", [](const Settings& s) { return s.shaping.tau; },
            [](Settings& s, double v) { s.shaping.tau = v; })
        .def_property(
            "exponent", [](const Settings& s) { return s.shaping.exponent; },
            [](Settings& s, double v) { s.shaping.exponent = v; })
        .def_property(
            "clip_qp", [](const Settings& s) { return s.shaping.clip_qp; },
            [](Settings& s, double v) { s.shaping.clip_qp = v; })
        .def_property(
            "gamma", [](const Settings& s) { return s.shaping.gamma; },
            [](Settings& s, double v) { s.shaping.gamma = v; })
        .def_property(
            "profile_floor", [](const Settings& s) { return s.shaping.profile_floor; },
            [](Settings& s, double v) { s.shaping.profile_floor = v; });

    py::class_<Weights>(m, "Weights",
                        "One frame's raw weights: planes [rows, columns], tiles [rows, columns, l, 64], "
                        "profiles [1 or 3, 8, 8].")
        .def(py::init([](int log2_unit, std::vector<Raster> planes, std::optional<Raster> tiles,
                         std::optional<Raster> profiles) {
                 return Weights{log2_unit, std::move(planes), std::move(tiles), std::move(profiles)};
             }),
             py::arg("log2_unit"), py::arg("planes"), py::arg("tiles") = py::none(),
             py::arg("profiles") = py::none());

    m.def("encode", &encode_frames, py::arg("frames"), py::arg("width"), py::arg("height"),
          py::arg("bit_depth"), py::arg("chroma"), py::arg("weights"), py::arg("settings"),
          py::arg("progress") = py::none(),
          "Codes frames (lists of planes, uint16); gives (bytes, planes of 10 bit per frame, figures per "
          "frame).\n"
          "The GIL is free during the encode; progress(share) is called from the calling thread and may "
          "raise.");
    m.def("encoder_version", &encoder_version);
}
