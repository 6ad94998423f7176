#include "encoder.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

#include "bitstream/bit_writer.h"
#include "bitstream/chroma_qp_table.h"
#include "frame_encoder.h"
#include "search/choose_scaling_lists.h"
#include "search/rate_control.h"
#include "search/set_weights.h"
#include "threads.h"
#include "weights/weighted_sse.h"

namespace idse::vvc {

namespace {

constexpr int kMaxSide = 8192;

void check_range(const char* name, long long value, long long low, long long high) {
    if (value < low || value > high)
        throw EncodeError(std::string(name) + " must be " + std::to_string(low) + " to " +
                          std::to_string(high) + ", not " + std::to_string(value));
}

void check(const std::vector<SourceFrame>& frames, const std::vector<FrameWeights>& weights,
           const Settings& s) {
    if (frames.empty()) throw EncodeError("there is no frame to encode");
    if (!weights.empty() && weights.size() != frames.size())
        throw EncodeError("the weight map has " + std::to_string(weights.size()) + " frames, the input " +
                          std::to_string(frames.size()));
    const SourceFrame& first = frames.front();
    check_range("width", first.width, 1, kMaxSide);
    check_range("height", first.height, 1, kMaxSide);
    if (first.bit_depth != 8 && first.bit_depth != 10) throw EncodeError("bit depth must be 8 or 10");
    const bool colour = first.chroma_format == ChromaFormat::k420;
    if (colour && (first.width % 2 || first.height % 2))
        throw EncodeError("4:2:0 needs an even width and height, not " + std::to_string(first.width) + "x" +
                          std::to_string(first.height) + "; crop or pad the picture by one sample");
    const int limit = 1 << first.bit_depth;
    for (const SourceFrame& f : frames) {
        if (f.width != first.width || f.height != first.height || f.bit_depth != first.bit_depth ||
            f.chroma_format != first.chroma_format)
            throw EncodeError("all frames must have the size, bit depth and chroma format of the first");
        for (int c = 0; c < (colour ? 3 : 1); c++) {
            const std::uint16_t* p = f.planes[c];
            if (!p) throw EncodeError("a plane is missing");
            const size_t count = c ? size_t(f.width / 2) * (f.height / 2) : size_t(f.width) * f.height;
            if (std::any_of(p, p + count, [&](std::uint16_t v) { return v >= limit; }))
                throw EncodeError("a sample is beyond the bit depth of " + std::to_string(first.bit_depth));
        }
    }
    check_range("qp", s.qp, 0, 63);
    check_range("preset", s.preset, 0, 4);
    check_range("threads", s.threads, 1, 1024);
    check_range("cb_qp_offset", s.cb_qp_offset, -12, 12);
    check_range("cr_qp_offset", s.cr_qp_offset, -12, 12);
    if (s.target_bytes < 0) throw EncodeError("target_bytes must be 0 (off) or more");
    check_shaping(s.shaping);
    for (const FrameWeights& w : weights)
        if (w.tile_rank < 0 || (w.tile_rank > 0 && !w.tiles))
            throw EncodeError("the weight map's tiles are missing");
    if (s.ctu_size != 64 && s.ctu_size != 128) throw EncodeError("ctu_size must be 64 or 128");
}

// To 10 bit and coded size; the last column and row are repeated into the padding.
Picture import_frame(const SourceFrame& f) {
    Picture picture(coded_size(f.width), coded_size(f.height), f.chroma_format);
    const int shift = kBitDepth - f.bit_depth;
    for (int c = 0; c < (f.chroma_format == ChromaFormat::k420 ? 3 : 1); c++) {
        Plane& plane = picture.planes[size_t(c)];
        const int w = c ? f.width / 2 : f.width;
        const int h = c ? f.height / 2 : f.height;
        for (int y = 0; y < plane.height(); y++) {
            const std::uint16_t* row = f.planes[c] + size_t(std::min(y, h - 1)) * w;
            Sample* out = plane.at(0, y);
            for (int x = 0; x < plane.width(); x++) out[x] = Sample(row[std::min(x, w - 1)] << shift);
        }
    }
    return picture;
}

EncodedFrame export_frame(const CodedFrame& coded, const SourceFrame& source, const Picture& original) {
    EncodedFrame out;
    out.bytes = std::int64_t(coded.nal_units.size());
    out.qp = coded.qp;
    out.cb_qp_offset = coded.parameters.cb_qp_offset;
    out.cr_qp_offset = coded.parameters.cr_qp_offset;
    for (int c = 0; c < (source.chroma_format == ChromaFormat::k420 ? 3 : 1); c++) {
        const int w = c ? source.width / 2 : source.width;
        const int h = c ? source.height / 2 : source.height;
        const Plane& recon = coded.recon.planes[size_t(c)];
        const Plane& org = original.planes[size_t(c)];
        out.planes[c].reserve(size_t(w) * h);
        std::int64_t sse = 0;
        for (int y = 0; y < h; y++) {
            out.planes[c].insert(out.planes[c].end(), recon.at(0, y), recon.at(0, y) + w);
            sse += plain_sse(recon.at(0, y), 0, org.at(0, y), 0, w, 1);
        }
        const double mse = double(sse) / (double(w) * h);
        const double peak = double(255 << (kBitDepth - 8));
        out.psnr[c] = sse == 0 ? INFINITY : 10 * std::log10(peak * peak / mse);
    }
    return out;
}

// The scaling lists of all frames; empty where none could have any. They are chosen at the start's QP where a
// target size decides the QPs. about_to_look: called before each frame; may throw to stop.
std::vector<ScalingLists> choose_lists(const std::vector<SourceFrame>& frames,
                                       const std::vector<FrameWeights>& weights, const Settings& settings,
                                       const std::function<void(size_t)>& about_to_look) {
    std::vector<ScalingLists> lists;
    if (settings.scaling_lists == ScalingListUse::kOff || !(settings.frequency_scope & kFrequencyQuant) ||
        !(settings.weight_scope & kWeightQuant))
        return lists;
    const ChromaFormat format = frames.front().chroma_format;
    if (std::all_of(weights.begin(), weights.end(), [&](const FrameWeights& w) {
            return shape_profiles(w, format, settings.shaping).empty();
        }))
        return lists;
    const ChromaQpTable table;
    ScalingListChooser chooser;
    for (size_t i = 0; i < frames.size(); i++) {
        about_to_look(i);
        const ShapedWeights shaped =
            shape_weights(weights[i], frames[i].width, frames[i].height, format, settings.shaping);
        int offset[2];
        chroma_qp_offsets(&shaped, settings, offset[0], offset[1]);
        int qp[3] = {settings.qp + kQpBdOffset, 0, 0};
        for (int c = 0; c < 2; c++)
            qp[c + 1] = std::clamp(table[settings.qp] + offset[c], -kQpBdOffset, 63) + kQpBdOffset;
        lists.push_back(chooser.choose(import_frame(frames[i]), shaped.gains, qp, settings.scaling_lists));
    }
    return lists;
}

// Adds up the frames' progress and turns the callback's "stop" into Interrupted in every thread.
class Progress {
  public:
    Progress(const ProgressCallback& callback, size_t frames) : callback_(callback), done_(frames, 0.0) {}
    // share: of the frame. What has been reported is never taken back, whatever a rounding error says.
    void report(size_t frame, double share) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (stopped_) throw Interrupted();
        done_[frame] = std::max(done_[frame], share);
        if (!callback_) return;
        double sum = 0;
        for (double d : done_) sum += d;
        if (!callback_(sum / double(done_.size()))) {
            stopped_ = true;
            throw Interrupted();
        }
    }
    void stop() {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopped_ = true;
    }

  private:
    const ProgressCallback& callback_;
    std::mutex mutex_;
    std::vector<double> done_;
    bool stopped_ = false;
};

// Progress of one frame over its trials. Rate control does not know how many it will need: each trial gets a
// part of what the ones before have left, and the last encode all the rest.
class FrameProgress {
  public:
    FrameProgress(Progress& progress, size_t frame) : progress_(progress), frame_(frame) {}
    void start_trial() {
        begin_ = end_;
        end_ = 1 - 1 / (1 + 0.3 * ++trials_);
    }
    void start_last() {
        begin_ = end_;
        end_ = 1;
    }
    void report(double share) { progress_.report(frame_, end_ - (1 - share) * (end_ - begin_)); }

  private:
    Progress& progress_;
    size_t frame_;
    int trials_ = 0;
    double begin_ = 0;
    double end_ = 0;
};

}  // namespace

EncodedStream encode(const std::vector<SourceFrame>& frames, const std::vector<FrameWeights>& weights,
                     const Settings& settings, const ProgressCallback& callback) {
    check(frames, weights, settings);
    const SourceFrame& first = frames.front();

    std::vector<CodedFrame> coded(frames.size());
    EncodedStream stream;
    stream.frames.resize(frames.size());
    Progress progress(callback, frames.size());
    const std::vector<ScalingLists> lists =
        choose_lists(frames, weights, settings, [&](size_t i) { progress.report(i, 0); });
    const bool any_lists =
        std::any_of(lists.begin(), lists.end(), [](const ScalingLists& l) { return !l.is_flat(); });

    auto code_one = [&](size_t i, int threads) {
        FrameInput input;
        input.width = first.width;
        input.height = first.height;
        input.frames = int(frames.size());
        input.is_first = i == 0;
        input.may_have_lists = any_lists;
        if (any_lists) input.scaling_lists = lists[i];
        input.source = import_frame(frames[i]);
        if (!weights.empty()) {
            input.raw_weights = &weights[i];
            input.weights =
                shape_weights(weights[i], first.width, first.height, first.chroma_format, settings.shaping);
        }
        FineQp qp{settings.qp * 16};
        FrameProgress frame_progress(progress, i);
        const auto code = [&](FineQp at) {
            coded[i].recon = Picture();  // of the trial before
            coded[i] =
                code_frame(input, settings, at, threads, [&](double share) { frame_progress.report(share); });
        };
        if (settings.target_bytes > 0) {
            qp = find_qp(settings.target_bytes, settings.qp, 0.02, [&](FineQp trial) {
                frame_progress.start_trial();
                code(trial);
                Bytes parameter_sets;
                if (i == 0) append_parameter_sets(parameter_sets, coded[i].parameters);
                if (!coded[i].scaling_aps.empty())
                    append_nal(parameter_sets, NalType::kPrefixAps, coded[i].scaling_aps, false);
                return std::int64_t(coded[i].nal_units.size() + parameter_sets.size());
            });
        }
        frame_progress.start_last();
        code(qp);
        stream.frames[i] = export_frame(coded[i], frames[i], input.source);
        coded[i].recon = Picture();  // only the copy that is handed out stays
    };

    // Frames are independent: each thread takes the next one. The first error wins and stops the others.
    const size_t workers = std::min<size_t>(size_t(settings.threads), frames.size());
    if (workers == 1) {
        for (size_t i = 0; i < frames.size(); i++) code_one(i, settings.threads);
    } else {
        std::atomic<size_t> next{0};
        run_workers(
            int(workers),
            [&] {
                for (size_t i; (i = next++) < frames.size();) code_one(i, 1);
            },
            [&] { progress.stop(); });
    }

    // One SPS; a PPS or an APS whenever what it says differs from the last one. So a stream that is cut
    // before another frame than the first lacks them.
    Bytes last_pps, last_aps;
    for (size_t i = 0; i < coded.size(); i++) {
        const CodedFrame& frame = coded[i];
        const Bytes pps = pps_rbsp(frame.parameters);
        if (last_pps.empty())
            append_parameter_sets(stream.bytes, frame.parameters);
        else if (pps != last_pps)
            append_nal(stream.bytes, NalType::kPps, pps, true);
        if (!frame.scaling_aps.empty() && frame.scaling_aps != last_aps) {
            const size_t before = stream.bytes.size();
            append_nal(stream.bytes, NalType::kPrefixAps, frame.scaling_aps, pps == last_pps);
            stream.frames[i].bytes += std::int64_t(stream.bytes.size() - before);
            last_aps = frame.scaling_aps;
        }
        last_pps = pps;
        stream.bytes.insert(stream.bytes.end(), frame.nal_units.begin(), frame.nal_units.end());
    }
    return stream;
}

const char* encoder_version() {
    return "idse-native 0.1.0";
}

}  // namespace idse::vvc
