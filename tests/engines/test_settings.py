import dataclasses
import json
import pickle
import subprocess
import sys

import pytest

from idse.engines import (
    EncodedStream,
    EncodeSettings,
    FrameStats,
    FrequencyScope,
    NativeTools,
    Shaping,
    Target,
    WeightScope,
    get_engine,
)
from idse.engines.settings import tuning_name
from idse.errors import IdseError
from idse.media.frame import Frame


def test_scopes():
    assert WeightScope.parse("all") is WeightScope.ALL
    assert WeightScope.parse("rdo, qp") == WeightScope.RDO | WeightScope.QP
    assert WeightScope.parse("none") is WeightScope.NONE
    with pytest.raises(IdseError, match="weight scope 'rdo,sao'"):
        WeightScope.parse("rdo,sao")


def test_frequency_scopes():
    assert FrequencyScope.parse("all") is FrequencyScope.ALL
    assert FrequencyScope.parse("quant, rdo") is FrequencyScope.ALL
    assert FrequencyScope.parse("none") is FrequencyScope.NONE
    with pytest.raises(IdseError, match="frequency scope 'qp': must be all, none, rdo or quant"):
        FrequencyScope.parse("qp")


def test_tunings():
    assert [EncodeSettings(tuning=name).shaping.gamma for name in ("machine", "balanced", "fidelity")] == [1.5, 0.75, 0]
    assert EncodeSettings() == EncodeSettings(tuning="balanced")
    assert EncodeSettings(tuning="machine") == EncodeSettings(gamma=1.5)
    assert EncodeSettings(tuning="machine", shaping=Shaping(gamma=0.3, tau=1)).shaping == Shaping(gamma=1.5, tau=1)
    assert EncodeSettings(gamma=0.3).changed(tuning="fidelity", qp=1) == EncodeSettings(gamma=0, qp=1)
    assert [tuning_name(gamma) for gamma in (1.5, 0.75, 0, 0.3)] == ["machine", "balanced", "fidelity", None]
    for tuning in ("human", 1):
        with pytest.raises(IdseError, match=f"tuning {tuning!r}: must be one of machine, balanced, fidelity"):
            EncodeSettings(tuning=tuning)
    with pytest.raises(IdseError, match="tuning and gamma: give one of them"):
        EncodeSettings(tuning="machine", gamma=1)


def test_targets():
    assert EncodeSettings().target.frame_bytes(640, 480) == 0
    assert EncodeSettings(target_bytes=1234).target.frame_bytes(640, 480) == 1234
    assert EncodeSettings(target_bpp=0.5).target.frame_bytes(640, 480) == 640 * 480 // 16
    assert EncodeSettings(target_bpp=1e-9).target.frame_bytes(8, 8) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("qp", -1), ("preset", 5), ("threads", 0), ("ctu_size", 32), ("tau", -0.1), ("exponent", float("inf")),
     ("exponent", 10.1), ("exponent", float("nan")), ("tau", float("nan")), ("clip_qp", float("nan")),
     ("clip_qp", 12.1), ("gamma", -0.1), ("gamma", 2.1), ("gamma", float("nan")), ("profile_floor", 0),
     ("profile_floor", 1.1), ("scaling_lists", "maybe"), ("cb_qp_offset", 13), ("cr_qp_offset", -13),
     ("target_bytes", 0)],
)  # fmt: skip
def test_ranges(field, value):
    with pytest.raises(IdseError, match=field.replace("_", " ")):
        EncodeSettings(**{field: value})


FLAT = (
    "qp", "target_bytes", "target_bpp", "preset", "threads", "ctu_size", "dual_tree", "cclm", "dependent_quant",
    "transform_skip", "deblocking", "wpp", "md5_sei", "cb_qp_offset", "cr_qp_offset", "weight_scope", "tau", "exponent",
    "clip_qp",
)  # fmt: skip


def test_parts_and_flat_names():
    settings = EncodeSettings(qp=37, tau=0.1, wpp=True, preset=4, weight_scope=WeightScope.QP)
    assert (settings.target, settings.shaping) == (Target(qp=37), Shaping(WeightScope.QP, tau=0.1))
    assert (settings.tools, settings.preset) == (NativeTools(wpp=True), 4)
    assert tuple(n for n in settings.flat() if n in FLAT) == FLAT  # as in old stores
    assert EncodeSettings(**settings.flat()) == settings
    assert settings.record() == settings.flat() | {"weight_scope": 4, "frequency_scope": 3}
    assert json.loads(json.dumps(settings.record())) == settings.record()


def test_changes():
    settings = EncodeSettings(shaping=Shaping(tau=1), clip_qp=3)
    assert settings.shaping == Shaping(tau=1, clip_qp=3)
    changed = settings.changed(tau=2, target=Target(qp=1), threads=3)
    assert (changed.shaping, changed.target.qp, changed.threads) == (Shaping(tau=2, clip_qp=3), 1, 3)
    assert dataclasses.replace(settings, tau=2) == settings.changed(tau=2)
    assert (hash(changed), pickle.loads(pickle.dumps(changed))) == (hash(changed.changed()), changed)
    with pytest.raises(TypeError, match="EncodeSettings has no 'taus'"):
        settings.changed(taus=1)
    with pytest.raises(IdseError, match="target bytes and target bpp"):
        EncodeSettings(target_bytes=5).changed(target_bpp=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.preset = 1


def test_tools_are_on_or_off():
    with pytest.raises(IdseError, match="wpp off: must be false or true"):
        NativeTools(wpp="off")


def test_stream_figures(small_frame: Frame):
    stats = [FrameStats(100, 32, (40.0, 41.0, 42.0)), FrameStats(100, 32, (float("inf"),) * 3)]
    stream = EncodedStream(bytes(200), [small_frame] * 2, stats, 0.1)
    assert stream.bpp == pytest.approx(1600 / (2 * 128 * 96))
    assert stream.psnr == pytest.approx(43.0103, abs=1e-4)  # half the mean squared error of 40 dB


def test_unknown_engine():
    with pytest.raises(IdseError, match="engine 'vtm5000' is unknown: this version has native, vtm, x265"):
        get_engine("vtm5000")


def test_import_loads_no_torch():
    code = "import sys, idse, idse.engines, idse.media.io, idse.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
