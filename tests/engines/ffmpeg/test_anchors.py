"""The anchors' encoders; what a plain FFmpeg makes of their files has the last word."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from idse.engines import EncodeSettings, WeightScope, engine_class, get_engine
from idse.engines.verify import compare, encode_verified
from idse.errors import IdseError
from idse.importance.weight_map import WeightMap
from idse.media.coded import SUFFIXES, decode_coded
from idse.media.frame import Frame
from idse.media.io import read_frames
from idse.media.video import read_video

FAST = {"x265": {"preset": "fast"}, "svtav1": {"preset": 8}, "x264": {"preset": "fast"}, "jpeg": {}}
AT = EncodeSettings(qp=30)
KINDS = [
    (name, depth, chroma) for name in FAST for depth in engine_class(name).depths for chroma in ("420", "400")
]


def make(name, **options):
    return get_engine(name, **FAST[name], **options)


def mirrored(frame):
    planes = tuple(np.ascontiguousarray(p[:, ::-1]) for p in frame.planes)
    return Frame(planes, frame.bit_depth, frame.chroma_format, frame.matrix, frame.full_range)


@pytest.mark.parametrize(("name", "depth", "chroma"), KINDS)
def test_a_file_decodes_to_the_reconstruction(small_frame, tmp_path, name, depth, chroma):
    """The engine's own decoding is of the packets' bytes; here FFmpeg's demuxers find the pictures in a file."""
    source = small_frame.with_bit_depth(10 if depth == 8 else 8)  # never the depth that is coded
    source = Frame(source.planes[: 1 if chroma == "400" else 3], source.bit_depth, chroma, "bt709", False)
    frames = [source, mirrored(source), source]
    seen: list[float] = []
    engine = make(name, bit_depth=depth)
    stream = engine.encode(frames, None, AT, seen.append)
    path = tmp_path / ("a.mjpeg" if name == "jpeg" else f"a{SUFFIXES[engine.stream_format][0]}")
    path.write_bytes(stream.data)
    plain = list(read_video(path))
    assert len(plain) == 3
    compare(plain, stream.recon)
    if name != "jpeg":
        with av.open(str(path)) as container:
            assert all(picture.key_frame for picture in container.decode(video=0))
    compare(read_frames(path, coded=True), stream.recon)

    for frame, recon, stats in zip(frames, stream.recon, stream.frames, strict=True):
        assert (recon.bit_depth, recon.chroma_format, recon.matrix, recon.full_range) == (
            depth,
            chroma,
            "bt709",
            False,
        )
        for a, b, psnr in zip(frame.planes, recon.planes, stats.psnr, strict=True):
            wide = [p.astype(float) * 4 ** (p.dtype == np.uint8) for p in (a, b)]
            assert psnr == pytest.approx(
                20 * math.log10(1020) - 10 * math.log10(((wide[0] - wide[1]) ** 2).mean())
            )
            assert psnr > 28
    compare([stream.recon[2]], [stream.recon[0]])  # a frame does not depend on those before it
    assert abs(stream.frames[2].bytes - stream.frames[0].bytes) <= 1  # H.264 numbers its IDR pictures
    assert 0 <= len(stream.data) - sum(f.bytes for f in stream.frames) < 100
    assert seen == pytest.approx([1 / 3, 2 / 3, 1])
    assert json.loads(json.dumps(stream.provenance, default=str))["version"][0] in "0123456789l"


@pytest.mark.parametrize("name", FAST)
def test_qp_is_the_encoders_own_and_the_bytes_are_settled(small_frame, name):
    engine = make(name)
    low, high = engine.qp_range
    qps = [max(low, high // 6), high // 3, high // 2, high * 4 // 5, high]
    with ThreadPoolExecutor(3) as pool:  # at once, in any order
        streams = list(
            pool.map(lambda qp: engine.encode([small_frame], None, EncodeSettings(qp=qp)), [*qps, qps[1]])
        )
    sizes, quality = [len(s.data) for s in streams[:5]], [s.psnr for s in streams[:5]]
    rising = name == "jpeg"  # a quality
    assert sizes == sorted(set(sizes), reverse=not rising)
    assert quality == sorted(set(quality), reverse=not rising)
    assert streams[5].data == streams[1].data
    threaded = engine.encode([small_frame], None, EncodeSettings(qp=qps[1], threads=4, preset=4))
    assert threaded.data == streams[1].data


@pytest.mark.parametrize(("depth", "offset"), [(8, 0), (10, 12)])
def test_x264_codes_every_block_at_the_qp(small_frame, depth, offset):
    """In 10 bit x264 has a scale of its own, shifted by 12; the engine's is the standard's."""
    from av.sidedata.sidedata import Type

    stream = make("x264", bit_depth=depth).encode([small_frame], None, EncodeSettings(qp=33))
    decoder = av.CodecContext.create("h264", "r")
    decoder.options = {"export_side_data": "venc_params"}
    (picture,) = [
        p for unit in [*decoder.parse(stream.data), *decoder.parse(None), None] for p in decoder.decode(unit)
    ]
    parameters = picture.side_data[Type.VIDEO_ENC_PARAMS]
    if not hasattr(parameters, "qp_map"):
        pytest.skip(f"PyAV {av.__version__} does not show a picture's QPs")
    # FFmpeg counts as x264 does.
    assert set(parameters.qp_map().ravel().tolist()) == {33 + offset}


def test_depths_agree_about_the_qp(small_frame):
    for name in ("x265", "x264", "svtav1"):
        a, b = (make(name, bit_depth=d).encode([small_frame], None, EncodeSettings(qp=35)) for d in (8, 10))
        assert len(a.data) == pytest.approx(len(b.data), rel=0.1), name
        assert a.psnr == pytest.approx(b.psnr, abs=0.6), name


def test_only_what_a_decoder_needs_is_in_the_streams(small_frame):
    flat = Frame.from_rgb(np.full((64, 64, 3), 90, np.uint8))
    for name, most in (("x265", 100), ("x264", 80), ("svtav1", 40)):
        assert len(make(name).encode([flat], None, AT).data) < most, name
    for name in ("x265", "x264"):
        stream = make(name).encode([small_frame] * 3, None, AT).data
        kinds = [
            (unit[0] >> 1) & 63 if name == "x265" else unit[0] & 31 for unit in stream.split(b"\0\0\1")[1:]
        ]
        assert kinds == ([32, 33, 34, 20, 20, 20] if name == "x265" else [7, 8, 5, 5, 5])


def test_md5_in_hevc_is_compared(small_frame):
    stream = make("x265").encode([small_frame], None, EncodeSettings(md5_sei=True)).data
    decode_coded(stream, "hevc")
    changed = bytearray(stream)
    changed[len(stream) // 2] ^= 4
    with pytest.raises(IdseError, match="no HEVC stream, or a damaged one"):
        decode_coded(bytes(changed), "hevc")


def test_parameters_win(small_frame):
    plain = make("x265").encode([small_frame], None, AT)
    for params in ({"sao": False, "no-deblock": True}, ["sao=0", "no-deblock"]):
        unfiltered = make("x265", params=params).encode([small_frame], None, AT)
        assert unfiltered.data != plain.data
        assert unfiltered.provenance["options"]["x265-params"]["sao"] == "0"
    assert make("x265", params={"tune": "fastdecode"}).encode([small_frame], None, AT).data != plain.data
    moved = make("x264", params={"deblock": "3:3"}).encode([small_frame], None, AT)  # a colon inside
    assert moved.data != make("x264").encode([small_frame], None, AT).data
    assert make("svtav1", params={"aq-mode": 2}).encode([small_frame], None, AT).frames[0].bytes > 0
    scans = make("jpeg", params={"progressive": 1}).encode([small_frame], None, AT)
    compare(scans.recon, make("jpeg").encode([small_frame], None, AT).recon)


def test_chroma_offsets(small_frame):
    for name in ("x265", "x264"):
        plain, offset = (
            make(name).encode([small_frame], None, EncodeSettings(qp=30, cb_qp_offset=n, cr_qp_offset=n))
            for n in (0, 9)
        )
        assert offset.frames[0].psnr[1] < plain.frames[0].psnr[1] - 1
        assert offset.frames[0].psnr[0] == pytest.approx(plain.frames[0].psnr[0], abs=0.2)
        assert offset.frames[0].cb_qp_offset == 9


def test_silence(small_frame, capfd):
    for name in FAST:
        encode_verified(make(name), [small_frame], None, AT)
    assert capfd.readouterr() == ("", "")


def test_the_peers_points(shared):
    """Bytes and PSNR of points in shared/reference/peers.json, made elsewhere with the libraries alone."""
    peers = json.loads((shared / "reference" / "peers.json").read_text())["points"]
    frames = read_frames(shared / "data" / "yuv" / "plane_640x424_8bit_420.yuv")
    for name, theirs, qp, timing in (("x265", "x265_10b", 37, 9), ("svtav1", "svt_p4_10b", 44, 0)):
        engine = get_engine(name)
        if not engine.version.startswith({"x265": "4.2", "svtav1": "4.1.0"}[name]):
            pytest.skip(f"{name} {engine.version} is not the peers'")
        (peer,) = (p for p in peers if (p["encoder"], p["picture"], p["qp"]) == (theirs, "plane", qp))
        stream = engine.encode(frames, None, EncodeSettings(qp=qp))
        assert len(stream.data) == peer["bytes"] - timing  # x265's VUI with the frame rate
        assert stream.psnr == pytest.approx(peer["psnr_y"], abs=1e-3)


def test_refusals(small_frame):
    ramp = WeightMap(128, 96, 3, np.ones((1, 1, 12, 16), np.float32))
    tiny = Frame((np.zeros((14, 64), np.uint8),), 8, "400")
    odd = Frame.from_rgb(np.zeros((33, 40, 3), np.uint8))
    for name in FAST:
        engine = make(name)
        assert not engine.takes_weights
        low, high = engine.qp_range
        word = "quality" if name == "jpeg" else "qp"
        for frames, weights, settings, words in (
            ([], None, AT, "no frames"),
            ([small_frame], ramp, AT, f"{name} engine takes no weights"),
            ([small_frame], None, EncodeSettings(target_bpp=1), "fixed"),
            ([small_frame.with_bit_depth(12)], None, AT, "takes 8..10"),
            ([odd], None, AT, "even width and height"),
            *(
                [([small_frame], None, EncodeSettings(qp=low - 1), f"{word} 0: must be 1..100")]
                if low
                else []
            ),
            *(
                [([small_frame], None, EncodeSettings(qp=high + 1), f"qp {high + 1}: must be 0..")]
                if high < 99
                else []
            ),
            *([([small_frame], None, EncodeSettings(md5_sei=True), "--md5")] if name != "x265" else []),
            *([([small_frame], None, EncodeSettings(cr_qp_offset=1), "chroma QP")] if name != "x265" else []),
        ):
            with pytest.raises(IdseError, match=words):
                engine.encode(frames, weights, settings)
        engine.encode([small_frame], ramp, EncodeSettings(qp=30, weight_scope=WeightScope.NONE))
    with pytest.raises(IdseError, match="of at least 16x16, not 64x14"):
        make("x265").encode([tiny], None, AT)
    with pytest.raises(IdseError, match="needs an even width and height"):
        make("svtav1").encode([Frame((np.zeros((33, 40), np.uint8),), 8, "400")], None, AT)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("x265", {"preset": "warp"}, "preset 'warp': the x265 engine has ultrafast"),
        ("svtav1", {"preset": 14}, "preset '14': the svtav1 engine has 0, 1"),
        ("x264", {"bit_depth": 12}, "codes in 8 or 10 bit"),
        ("jpeg", {"bit_depth": 10}, "codes in 8 bit"),
        ("jpeg", {"params": {"speed": 1}}, "has optimize, progressive"),
        ("x265", {"params": {"qp": 3}}, "'qp' is set by the x265 engine"),
        ("x265", {"params": ["a=1", "a=2"]}, "'a' is given twice"),
        ("x265", {"params": ["=1"]}, "must look like name=value"),
        ("x265", {"params": "sao=0"}, "give a mapping"),
        ("x265", {"params": {"speed": 3}}, "Unknown option: speed"),
        ("x265", {"params": {"ctu": 7}}, "max cu size must be 16, 32, or 64"),
        ("x265", {"params": {"tune": "warp"}}, "Error setting preset/tune"),
        ("x264", {"params": {"speed": 3}}, "speed"),
        ("svtav1", {"params": {"speed": 3}}, "speed"),
        ("svtav1", {"params": {"tune": 99}}, "Invalid tune"),
    ],
)
def test_options_that_are_none(small_frame, capfd, name, options, words):
    """Said in one line each time, also when FFmpeg has said it before; nothing else reaches the terminal."""
    for _ in range(2):
        with pytest.raises(IdseError, match=words) as told:
            get_engine(name, **options).encode([small_frame], None, AT)
        assert "\n" not in str(told.value)
    assert capfd.readouterr() == ("", "")


def test_a_missing_encoder(monkeypatch):
    from idse.engines.ffmpeg.svtav1 import SvtAv1Engine
    from idse.engines.ffmpeg.x265 import _version

    monkeypatch.setattr("idse.engines.ffmpeg.open_encoder.av", SimpleNamespace(CodecContext=_Codecless))
    _version.cache_clear()
    with pytest.raises(IdseError, match="has no encoder libx265"):
        get_engine("x265")
    assert engine_class("svtav1") is SvtAv1Engine  # to ask for a class looks for nothing


class _Codecless:
    @staticmethod
    def create(name: str, mode: str):
        return av.CodecContext.create("no-such-" + name, mode)


@pytest.mark.parametrize("stream_format", [f for f in SUFFIXES if f not in ("vvc", "learned")])
def test_no_stream(stream_format):
    for data in (b"no stream at all" * 9, b"\0\0\1"):
        with pytest.raises(IdseError, match=f"no {stream_format.upper()} stream"):
            decode_coded(data, stream_format)


@pytest.mark.parametrize("name", ["jpeg", "svtav1"])
def test_a_stream_cut_short(small_frame, name):
    """In its last picture, so that there is one to decode: FFmpeg alone would not complain."""
    engine = make(name)
    data = engine.encode([small_frame] * 2, None, AT).data
    for missing in (1, 20, 200):
        with pytest.raises(IdseError, match="damaged one"):
            decode_coded(data[:-missing], engine.stream_format)


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="scheduling policies are Linux's")
def test_threads_that_end_while_an_encoder_opens(monkeypatch, small_frame: Frame) -> None:
    """Other encoders' threads come and go: one that was listed may be gone when it is asked for its policy."""
    listed = os.listdir

    def with_one_that_ended(folder):
        return [*listed(folder), str(2**22 + 1)] if folder == "/proc/self/task" else listed(folder)

    monkeypatch.setattr(os, "listdir", with_one_that_ended)
    assert make("x265").encode([small_frame], None, AT).data


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="scheduling policies are Linux's")
def test_no_thread_becomes_real_time(tmp_path: Path) -> None:
    """As root, SVT-AV1 would give its threads, the caller's and so those of all later programs SCHED_FIFO."""
    code = (
        "import os\n"
        "from idse.engines.ffmpeg.open_encoder import open_encoder\n"
        "context = open_encoder('libsvtav1', 128, 96, 'yuv420p10le', {'preset': '8'})\n"
        "threads = list(map(int, os.listdir('/proc/self/task')))\n"
        "print({os.sched_getscheduler(t) for t in threads}, len(threads))\n"
        "os._exit(0)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    policies, threads = run.stdout.rsplit(" ", 1)
    assert policies == f"{{{os.SCHED_OTHER}}}"
    assert int(threads) > 1
