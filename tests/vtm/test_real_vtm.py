"""The engine `vtm` with the VTM that IDSE_VTM_ROOT names; FFmpeg's decoder has the last word where it can."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.fft

from idse.engines import EncodeSettings, FrequencyScope
from idse.engines.verify import compare
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame
from idse.media.video import decode_vvc
from idse.vtm.engine import VtmEngine, find_root
from idse.vtm.options import VtmOptions

SETTINGS = EncodeSettings(qp=37)


@pytest.fixture(scope="module")
def engine():
    if find_root() is None:
        pytest.skip("no VTM: IDSE_VTM_ROOT names none")
    return VtmEngine()


@pytest.fixture(scope="module")
def weighting(engine):
    if not engine.patched:
        pytest.skip(f"VTM at {engine.tree.root} isn't patched")
    return engine


@pytest.fixture(scope="module")
def plain(engine, small_frame):
    return engine.encode([small_frame], None, SETTINGS)


def confirm(engine, stream) -> None:
    if engine.verify_refusal is None:
        compare(decode_vvc(stream.data), stream.recon)


def ramp(exponent: float = 1.0) -> WeightMap:
    """Importance that grows from left to right, chroma's twofold."""
    luma = np.broadcast_to(np.geomspace(0.1, 10, 16, dtype=np.float32), (12, 16)) ** exponent
    return WeightMap(128, 96, 3, np.stack([luma, 2 * luma, 2 * luma])[None])


def test_a_picture(engine, plain):
    confirm(engine, plain)
    assert 100 < plain.frames[0].bytes < len(plain.data)
    assert plain.frames[0].qp == 37
    printed = plain.provenance["log"]["pictures"][0]["psnr"]
    assert [f"{p:.4f}" for p in plain.frames[0].psnr] == list(printed)


@pytest.mark.parametrize(
    "change",
    [
        {"ctu_size": 64, "wpp": True},
        {"dual_tree": False, "cclm": False, "cb_qp_offset": -3, "cr_qp_offset": 4},
        {"dependent_quant": False, "transform_skip": False, "deblocking": False},
    ],
)
def test_settings(engine, small_frame, plain, change):
    stream = engine.encode([small_frame], None, SETTINGS.changed(**change))
    confirm(engine, stream)
    assert stream.data != plain.data


@pytest.mark.parametrize(("width", "height", "chroma"), [(8, 8, "420"), (70, 50, "420"), (63, 41, "400")])
def test_sizes(engine, photograph, width, height, chroma):
    rgb = np.ascontiguousarray(photograph[40 : 40 + height, 90 : 90 + width])
    stream = engine.encode([Frame.from_rgb(rgb, chroma_format=chroma)], None, SETTINGS)
    assert (stream.recon[0].width, stream.recon[0].height) == (width, height)
    confirm(engine, stream)


@pytest.mark.parametrize("mode", ["intra", "lowdelay", "randomaccess"])
def test_modes(engine, photograph, mode):
    frames = [Frame.from_rgb(np.ascontiguousarray(photograph[60 + i : 108 + i, 130:194])) for i in range(3)]
    stream = VtmEngine(options=VtmOptions(mode=mode)).encode(frames, None, SETTINGS)
    confirm(engine, stream)
    assert len(stream.frames) == 3
    assert all(f.psnr[0] > 25 for f in stream.frames)


def test_a_uniform_map_gives_the_unweighted_bytes(weighting, small_frame, plain):
    for weights, settings in (
        (ramp(0), SETTINGS),
        (ramp(), SETTINGS.changed(tau=float("inf"))),
        (ramp(), SETTINGS.changed(exponent=0.0)),
    ):
        luma = WeightMap(128, 96, 3, weights.planes[:, :1])
        stream = weighting.encode([small_frame], luma, settings)
        assert stream.provenance["uniform_map"]
        assert stream.data == plain.data


def test_bits_follow_the_weights(weighting, small_frame, plain):
    seen: list[float] = []
    stream = weighting.encode([small_frame], ramp(), SETTINGS.changed(exponent=1.0), seen.append)
    confirm(weighting, stream)
    assert 0.5 < stream.provenance["weighted_share"] <= 1
    assert stream.provenance["lmcs"] is False
    assert stream.frames[0].cb_qp_offset < 0
    assert seen == sorted(seen)

    def error(coded, columns) -> float:
        recon = coded.recon[0].planes[0][:, columns].astype(float) / 4
        return float(((recon - small_frame.planes[0][:, columns]) ** 2).mean())

    left, right = slice(0, 32), slice(96, 128)
    assert error(stream, right) / error(plain, right) < error(stream, left) / error(plain, left)


def falling(slope: float = 0.28) -> np.ndarray:
    """Profiles that fall with frequency, chroma's twice as fast."""
    steps = np.add.outer(np.arange(8), np.arange(8))
    return np.exp(-np.array([slope, 2 * slope, 2 * slope])[:, None, None] * steps)[None].astype(np.float32)


def test_a_profile_without_effect_gives_the_same_bytes(weighting, small_frame, plain):
    uniform = dataclasses.replace(ramp(0), planes=ramp(0).planes[:, :1], profiles=falling())
    for change in ({"gamma": 0.0}, {"frequency_scope": FrequencyScope.NONE}):
        assert weighting.encode([small_frame], uniform, SETTINGS.changed(**change)).data == plain.data
    flat = dataclasses.replace(uniform, profiles=np.full((1, 1, 8, 8), 0.3, np.float32))
    stream = weighting.encode([small_frame], flat, SETTINGS)
    assert stream.data == plain.data
    assert stream.provenance["uniform_map"]
    profiled = dataclasses.replace(ramp(), profiles=falling())
    assert weighting.encode([small_frame], profiled, SETTINGS.changed(gamma=0.0)).data == (
        weighting.encode([small_frame], ramp(), SETTINGS).data
    )


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"scaling_lists": "off"},
        {"dependent_quant": False},
        {"dependent_quant": False, "scaling_lists": "off"},
        {"frequency_scope": FrequencyScope.RDO},
        {"frequency_scope": FrequencyScope.QUANT, "gamma": 2.0, "profile_floor": 1 / 4096},
    ],
)
def test_profiles_are_coded_as_they_are_decoded(weighting, small_frame, plain, change):
    weights = dataclasses.replace(ramp(), profiles=falling())
    stream = weighting.encode([small_frame], weights, SETTINGS.changed(qp=30, **change))
    confirm(weighting, stream)
    quant = change.get("frequency_scope", FrequencyScope.ALL) & FrequencyScope.QUANT
    able = weighting.version.startswith("23") or "dependent_quant" in change
    assert stream.provenance["scaling_lists"] is (able and bool(quant) and "scaling_lists" not in change)
    assert any(line.startswith("IDSE frequency weights: 3 planes") for line in stream.provenance["log"]["idse"])
    assert stream.data != weighting.encode([small_frame], ramp(), SETTINGS.changed(qp=30)).data


def test_errors_go_to_high_frequencies(weighting, small_frame):
    """Of the error's energy, the profile moves a share from the lower frequencies to the higher."""
    weights = dataclasses.replace(ramp(0), planes=ramp(0).planes[:, :1])
    weighted = dataclasses.replace(weights, profiles=falling(0.5))

    def low_share(stream) -> float:
        error = stream.recon[0].planes[0].astype(float) / 4 - small_frame.planes[0]
        spectrum = scipy.fft.dctn(error.reshape(12, 8, 16, 8), axes=(1, 3), norm="ortho") ** 2
        energy = spectrum.mean(axis=(0, 2))
        return float(energy[:3, :3].sum() / energy.sum())

    plain = weighting.encode([small_frame], weights, SETTINGS.changed(qp=30))
    for change in ({}, {"frequency_scope": FrequencyScope.RDO}, {"scaling_lists": "off"}):
        stream = weighting.encode([small_frame], weighted, SETTINGS.changed(qp=30, **change))
        assert low_share(stream) < low_share(plain)


def test_in_process_writes_the_same_bytes(weighting, small_frame):
    module = pytest.importorskip("idse._vtm", reason="VTM is not built into idse here (-DVTM_ROOT)")
    if module.version() != weighting.version:
        pytest.skip(f"idse._vtm is VTM {module.version()}, the checkout is {weighting.version}")
    inside = VtmEngine(options=VtmOptions(in_process=True))
    for weights in (None, ramp()):
        stream = inside.encode([small_frame], weights, SETTINGS)
        assert stream.data == weighting.encode([small_frame], weights, SETTINGS).data
        confirm(inside, stream)
