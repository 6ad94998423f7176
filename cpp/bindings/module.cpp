// idse._native: numpy planes in, bytes and reconstruction out. Checking and naming things is
// idse.engines.native's job.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "vvc/encoder.h"

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
};

// Runs the encode on a thread of its own while the calling thread, the only one that may see Ctrl-C, watches.
class EncodeJob {
  public:
    EncodeJob(const std::vector<SourceFrame>& frames, const std::vector<FrameWeights>& weights,
              const Settings& settings)
        : worker_([this, &frames, &weights, &settings] { run(frames, weights, settings); }) {}

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

// The vector becomes the array's memory.
py::array_t<std::uint16_t> to_array(std::vector<std::uint16_t> samples, py::ssize_t rows,
                                    py::ssize_t columns) {
    auto owner = std::make_unique<std::vector<std::uint16_t>>(std::move(samples));
    const std::uint16_t* data = owner->data();
    py::capsule capsule(owner.release(), [](void* p) { delete static_cast<std::vector<std::uint16_t>*>(p); });
    return py::array_t<std::uint16_t>({rows, columns}, data, capsule);
}

py::tuple encode_frames(const std::vector<std::vector<Plane>>& planes, int width, int height, int bit_depth,
                        int chroma, const std::vector<Weights>& weights, const Settings& settings,
                        const py::object& progress) {
    std::vector<SourceFrame> frames;
    for (const auto& frame : planes) {
        SourceFrame source;
        source.width = width;
        source.height = height;
        source.bit_depth = bit_depth;
        source.chroma_format = static_cast<ChromaFormat>(chroma);
        for (std::size_t i = 0; i < frame.size() && i < 3; i++) source.planes[i] = frame[i].data();
        frames.push_back(source);
    }
    std::vector<FrameWeights> maps;
    for (const Weights& given : weights) {
        FrameWeights map;
        map.log2_unit = given.log2_unit;
        for (std::size_t i = 0; i < given.planes.size() && i < 3; i++) map.planes[i] = given.planes[i].data();
        if (given.tiles) {
            map.tile_rank = static_cast<int>(given.tiles->shape(2));
            map.tiles = given.tiles->data();
        }
        maps.push_back(map);
    }

    EncodedStream stream;
    {
        const py::gil_scoped_release release;
        EncodeJob job(frames, maps, settings);
        double told = 0.0;
        while (!job.wait(std::chrono::milliseconds(50))) {
            const py::gil_scoped_acquire acquire;
            if (PyErr_CheckSignals() != 0) throw py::error_already_set();
            const double share = job.share();
            if (!progress.is_none() && share != told) progress(told = share);
        }
        stream = job.result();
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

    py::class_<Settings>(m, "Settings", "Settings of one encode; cpp/vvc/settings.h says what each means.")
        .def(py::init<>())
        .def_readwrite("qp", &Settings::qp)
        .def_readwrite("target_bytes", &Settings::target_bytes)
        .def_readwrite("preset", &Settings::preset)
        .def_readwrite("threads", &Settings::threads)
        .def_readwrite("ctu_size", &Settings::ctu_size)
        .def_readwrite("dual_tree", &Settings::dual_tree)
        .def_readwrite("cclm", &Settings::cclm)
        .def_readwrite("dependent_quant", &Settings::dependent_quant)
        .def_readwrite("transform_skip", &Settings::transform_skip)
        .def_readwrite("deblocking", &Settings::deblocking)
        .def_readwrite("wpp", &Settings::wpp)
        .def_readwrite("md5_sei", &Settings::md5_sei)
        .def_readwrite("cb_qp_offset", &Settings::cb_qp_offset)
        .def_readwrite("cr_qp_offset", &Settings::cr_qp_offset)
        .def_readwrite("weight_scope", &Settings::weight_scope)
        .def_property(
            "tau", [](const Settings& s) { return s.shaping.tau; },
            [](Settings& s, double v) { s.shaping.tau = v; })
        .def_property(
            "exponent", [](const Settings& s) { return s.shaping.exponent; },
            [](Settings& s, double v) { s.shaping.exponent = v; })
        .def_property(
            "clip_qp", [](const Settings& s) { return s.shaping.clip_qp; },
            [](Settings& s, double v) { s.shaping.clip_qp = v; });

    py::class_<Weights>(m, "Weights",
                        "One frame's raw weights: planes [rows, columns], tiles [rows, columns, l, 64].")
        .def(py::init([](int log2_unit, std::vector<Raster> planes, std::optional<Raster> tiles) {
                 return Weights{log2_unit, std::move(planes), std::move(tiles)};
             }),
             py::arg("log2_unit"), py::arg("planes"), py::arg("tiles") = py::none());

    m.def("encode", &encode_frames, py::arg("frames"), py::arg("width"), py::arg("height"),
          py::arg("bit_depth"), py::arg("chroma"), py::arg("weights"), py::arg("settings"),
          py::arg("progress") = py::none(),
          "Codes frames (lists of planes, uint16); gives (bytes, planes of 10 bit per frame, figures per "
          "frame).\n"
          "The GIL is free during the encode; progress(share) is called from the calling thread and may "
          "raise.");
    m.def("encoder_version", &encoder_version);
}
