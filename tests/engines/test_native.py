"""The native encoder through Python; what FFmpeg decodes has the last word."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from idse.engines import EncodeSettings, WeightScope, get_engine
from idse.engines.verify import compare
from idse.errors import IdseError
from idse.importance.shaping import shape_frame
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame
from idse.media.video import decode_vvc
from idse.media.vvc_stream import parse_stream

FAST = EncodeSettings(preset=0, qp=32)


@pytest.fixture(scope="module")
def engine():
    return get_engine("native")


@pytest.fixture(scope="module")
def ramp(small_frame) -> WeightMap:
    """Importance that grows from left to right, for luma and chroma."""
    luma = np.broadcast_to(np.geomspace(0.1, 10, 16, dtype=np.float32), (12, 16))
    return WeightMap(128, 96, 3, np.stack([luma, 2 * luma, 3 * luma])[None])


def squared_error(stream, source, columns):
    recon = stream.recon[0].planes[0][:, columns].astype(float) / 4
    return ((recon - source.planes[0][:, columns]) ** 2).mean()


@pytest.mark.parametrize("depth", [8, 9, 10])
@pytest.mark.parametrize("chroma", ["420", "400"])
def test_depths_and_formats_decode_to_the_reconstruction(engine, small_frame, depth, chroma):
    deep = small_frame.with_bit_depth(depth)
    frame = Frame(deep.planes[: 1 if chroma == "400" else 3], depth, chroma)
    seen: list[float] = []
    stream = engine.encode([frame], None, FAST.changed(md5_sei=True), seen.append)
    assert stream.recon[0].bit_depth == 10
    compare(decode_vvc(stream.data), stream.recon)
    info = parse_stream(stream.data)
    assert (info.sps.width, info.sps.height, info.sps.chroma_format, info.sps.bit_depth) == (
        128,
        96,
        chroma,
        10,
    )
    assert info.md5s.keys() == {0}
    assert stream.psnr > 30
    for plane, source, psnr in zip(
        stream.recon[0].planes, frame.with_bit_depth(10).planes, stream.frames[0].psnr, strict=True
    ):
        mse = ((plane.astype(float) - source) ** 2).mean()
        assert psnr == pytest.approx(20 * np.log10(1020) - 10 * np.log10(mse), abs=1e-6)
    assert all(0 <= share <= 1 for share in seen)
    assert sum(len(p.tobytes()) for p in stream.recon[0].planes) > len(stream.data) > 100


@pytest.mark.parametrize(
    ("width", "height", "chroma"), [(8, 8, "420"), (70, 50, "420"), (63, 41, "400"), (130, 2, "420")]
)
def test_sizes(engine, photograph, width, height, chroma):
    frame = Frame.from_rgb(
        np.ascontiguousarray(photograph[40 : 40 + height, 90 : 90 + width]), chroma_format=chroma
    )
    stream = engine.encode([frame], None, FAST)
    decoded = decode_vvc(stream.data)
    assert (decoded[0].width, decoded[0].height) == (width, height)
    compare(decoded, stream.recon)


def test_frames_and_threads(engine, small_frame):
    frames = [
        small_frame,
        Frame(tuple(np.ascontiguousarray(p[:, ::-1]) for p in small_frame.planes)),
        small_frame,
    ]
    for wpp in (False, True):
        streams = [
            engine.encode(frames, None, EncodeSettings(preset=0, wpp=wpp, ctu_size=64, threads=n))
            for n in (1, 2, 5)
        ]
        assert len({s.data for s in streams}) == 1
        compare(decode_vvc(streams[0].data), streams[0].recon)
        assert len(streams[0].frames) == 3


def test_calls_from_several_threads_at_once(engine, small_frame):
    settings = [EncodeSettings(preset=0, qp=qp) for qp in (22, 32, 42, 22)]
    alone = [engine.encode([small_frame], None, s).data for s in settings]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda s: engine.encode([small_frame], None, s).data, settings))
    assert together == alone


def test_a_uniform_map_gives_the_unweighted_bytes(engine, small_frame, ramp):
    flat = WeightMap(128, 96, 3, np.full((1, 1, 12, 16), 7.5, np.float32))
    plain = engine.encode([small_frame], None, FAST).data
    assert engine.encode([small_frame], flat, FAST).data == plain
    for same in (
        EncodeSettings(preset=0, tau=float("inf")),
        EncodeSettings(preset=0, exponent=0),
        EncodeSettings(preset=0, weight_scope=WeightScope.NONE),
    ):
        luma = WeightMap(128, 96, 3, ramp.planes[:, :1])
        assert engine.encode([small_frame], luma, same).data == plain


@pytest.mark.parametrize(
    "scope", [WeightScope.ALL, WeightScope.RDO, WeightScope.QP, WeightScope.RDO | WeightScope.QUANT]
)
def test_bits_follow_the_weights(engine, small_frame, ramp, scope):
    settings = EncodeSettings(preset=0, qp=37, exponent=1, ctu_size=64, weight_scope=scope)
    weighted = engine.encode([small_frame], ramp, settings)
    plain = engine.encode([small_frame], None, settings)
    compare(decode_vvc(weighted.data), weighted.recon)
    left, right = slice(0, 32), slice(96, 128)
    gain_right = squared_error(plain, small_frame, right) / squared_error(weighted, small_frame, right)
    gain_left = squared_error(plain, small_frame, left) / squared_error(weighted, small_frame, left)
    assert gain_right > gain_left


def test_chroma_ratio_becomes_a_qp_offset(engine, small_frame, ramp):
    stats = engine.encode([small_frame], ramp, FAST).frames[0]
    assert stats.cb_qp_offset < 0
    assert stats.cr_qp_offset < stats.cb_qp_offset


@pytest.mark.parametrize("tau", [0.0, 0.2, 2.0, float("inf")])
@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_chroma_gains_are_those_of_the_numpy_shaping(engine, tau, exponent):
    grey = Frame.from_rgb(np.full((64, 64, 3), 90, np.uint8))
    rng = np.random.default_rng(5)
    offsets = set()
    for ratio in (0.05, 0.6, 3.0, 20.0):
        raw = (
            rng.lognormal(0, 1, (1, 3, 8, 8)).astype(np.float32)
            * np.float32([1, ratio, 1 / ratio])[:, None, None]
        )
        settings = EncodeSettings(preset=0, tau=tau, exponent=exponent)
        stats = engine.encode([grey], WeightMap(64, 64, 3, raw), settings).frames[0]
        _, gains = shape_frame(raw[0], tau, exponent)
        expected = [min(12, max(-12, round(-3 * math.log2(gain)))) for gain in gains]
        assert [stats.cb_qp_offset, stats.cr_qp_offset] == expected
        offsets.update(expected)
    assert (offsets == {0}) == (exponent == 0 or math.isinf(tau))


def test_tiles(engine, small_frame, ramp):
    factors = np.random.default_rng(0).normal(size=(1, 12, 16, 2, 64)).astype(np.float32) / 8
    tiles = WeightMap(128, 96, 3, ramp.planes, factors)
    stream = engine.encode([small_frame], tiles, FAST)
    compare(decode_vvc(stream.data), stream.recon)
    assert stream.data != engine.encode([small_frame], ramp, FAST).data


@pytest.mark.parametrize("target", [400, 1500, 5000])
def test_target_bytes(engine, small_frame, target):
    stream = engine.encode([small_frame], None, EncodeSettings(preset=0, target_bytes=target))
    assert len(stream.data) == pytest.approx(
        target, rel=0.1
    )  # 128x96: QP steps are coarse on so small a picture
    compare(decode_vvc(stream.data), stream.recon)


def test_progress_may_end_the_encode(engine):
    noise = np.random.default_rng(0).integers(0, 256, (1080, 1920), dtype=np.uint8)

    class Enough(Exception):
        pass

    def stop(share: float) -> None:
        raise Enough

    with pytest.raises(Enough):
        engine.encode([Frame((noise,), 8, "400")], None, EncodeSettings(qp=12), stop)


def test_refusals(engine, small_frame, ramp):
    half = Frame.from_rgb(np.zeros((48, 64, 3), np.uint8))
    cases = [
        ([], None, "no frames"),
        ([small_frame, half], None, "frame 1 is 64x48"),
        ([small_frame, small_frame.with_bit_depth(10)], None, "another bit depth"),
        ([small_frame.with_bit_depth(12)], None, "takes 8..10"),
        ([half], ramp, "pictures of 128x96"),
        ([small_frame] * 2, ramp, "1 frame"),
        ([Frame.from_rgb(np.zeros((9, 9, 3), np.uint8))], None, "even width and height"),
    ]
    for frames, weights, words in cases:
        with pytest.raises(IdseError, match=words):
            engine.encode(frames, weights, FAST)
