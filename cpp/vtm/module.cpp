// idse._vtm: VTM's encoder as a function of this process. Arguments and files are idse.vtm's job.
#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "CommonLib/idse/overlay.h"
#include "runner.h"

namespace py = pybind11;

namespace {

// VTM's state is the process's.
std::timed_mutex& encoder_mutex() {
    static std::timed_mutex mutex;
    return mutex;
}

thread_local bool encoding = false;

// Python's part in an encode. An exception cannot cross VTM: it waits here until VTM has ended.
class Listener {
  public:
    Listener(py::object progress, py::object log) : progress_(std::move(progress)), log_(std::move(log)) {}

    bool at_ctu(int done, int total, int poc) {
        const py::gil_scoped_acquire gil;
        if (error_) return false;
        try {
            if (PyErr_CheckSignals() != 0) throw py::error_already_set();
            if (progress_.is_none()) return true;
            const py::object go_on = progress_(done, total, poc);
            return go_on.is_none() || go_on.cast<bool>();
        } catch (py::error_already_set& error) {
            error_ = error;
        }
        return false;
    }

    void line(const std::string& text) {
        if (log_.is_none()) return idse::vtm::print_line(text);
        const py::gil_scoped_acquire gil;
        if (error_) return;
        try {
            log_(py::reinterpret_steal<py::str>(
                PyUnicode_DecodeUTF8(text.data(), py::ssize_t(text.size()), "replace")));
        } catch (py::error_already_set& error) {
            error_ = error;
        }
    }

    void raise() const {
        if (error_) throw py::error_already_set(*error_);
    }

  private:
    py::object progress_;
    py::object log_;
    std::optional<py::error_already_set> error_;
};

// Waits its turn; Ctrl-C ends the wait.
std::unique_lock<std::timed_mutex> my_turn() {
    std::unique_lock<std::timed_mutex> lock(encoder_mutex(), std::defer_lock);
    while (!lock.try_lock_for(std::chrono::milliseconds(100))) {
        const py::gil_scoped_acquire gil;
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
    return lock;
}

struct InEncode {
    InEncode() { encoding = true; }
    ~InEncode() {
        idse::vtm::set_progress(nullptr);
        encoding = false;
    }
};

void encode(const std::vector<std::string>& arguments, const py::object& progress, const py::object& log) {
    if (encoding) throw std::runtime_error("an encode cannot be begun from the callback of another");
    Listener listener(progress, log);
    try {
        const py::gil_scoped_release release;
        const auto turn = my_turn();
        const InEncode mark;
        idse::vtm::set_progress(
            [&listener](int done, int total, int poc) { return listener.at_ctu(done, total, poc); });
        idse::vtm::run_encoder(arguments, [&listener](const std::string& text) { listener.line(text); });
    } catch (const std::runtime_error&) {
        listener.raise();
        throw;
    }
    listener.raise();
}

}  // namespace

PYBIND11_MODULE(_vtm, m) {
    m.doc() = "VTM in this process, built from a patched checkout; use idse.vtm";
    m.def("encode", &encode, py::arg("arguments"), py::arg("progress") = py::none(),
          py::arg("log") = py::none());
    m.def("version", [] { return idse::vtm::encoder_version(); });
    m.def("root", [] { return IDSE_VTM_ROOT; });
    m.def("patch", [] { return IDSE_VTM_PATCH; });
}
