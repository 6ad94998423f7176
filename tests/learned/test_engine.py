"""A trained codec as an engine."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from idse.engines import EncodeSettings, WeightScope, engine_class, get_engine
from idse.engines.verify import compare, encode_verified
from idse.errors import IdseError
from idse.importance.weight_map import WeightMap
from idse.learned.engine import load_codec
from idse.media.frame import Frame
from idse.metrics.psnr import psnr_planes


@pytest.fixture(scope="module")
def file(untrained_codec, tmp_path_factory):
    path = tmp_path_factory.mktemp("engine") / "a.idsec"
    untrained_codec("icm").save(path)
    return path


def test_the_class_needs_no_torch():
    """A list of engines is no reason to load it."""
    text = (
        "import sys; from idse.engines import engine_class; engine_class('learned')\n"
        "assert engine_class('learned').option_names() == {'codec'}\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 0


def test_what_is_said_without_compressai(tmp_path, file):
    (tmp_path / "compressai.py").write_text("raise ImportError('none here')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    text = (
        "from idse.engines import get_engine\nfrom idse.errors import IdseError\n"
        f"try:\n    get_engine('learned', codec={str(file)!r})\nexcept IdseError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert done.stdout == "learned codecs need compressai (none here): pip install 'idse[learned]'\n"


def test_is_an_engine_as_any_other(file, small_frame, untrained_codec):
    engine = engine_class("learned").from_options({"codec": str(file)})
    assert (engine.qp_range, engine_class("learned").qp_range) == ((0, 1), (0, 100))
    assert engine_class("learned").points({"codec": str(file)}) == (0, 1)
    assert engine.identity == {"codec": untrained_codec("icm").digest[:24]}
    assert "compressai" in engine.version
    assert "torch" in engine.version
    seen: list[float] = []
    sizes = []
    for point in (0, 1):
        stream = encode_verified(engine, [small_frame] * 2, None, EncodeSettings(qp=point), seen.append)
        compare(engine.decode(stream.data, small_frame), stream.recon)
        assert [f.qp for f in stream.frames] == [point] * 2
        assert 15 < len(stream.data) - sum(f.bytes for f in stream.frames) < 30
        assert stream.bpp == 8 * len(stream.data) / (2 * 128 * 96)
        expected = psnr_planes(small_frame.planes, 8, stream.recon[0].planes, 8)
        np.testing.assert_allclose(stream.frames[0].psnr, expected, rtol=1e-6)
        assert stream.seconds > 0
        assert stream.cpu_seconds is not None
        assert math.isfinite(stream.cpu_seconds)
        told = stream.provenance
        assert (told["digest"], told["point"]["label"]) == (engine.codec.digest, f"gain {(400, 100)[point]}")
        assert told["estimated_bits"] == pytest.approx(8 * sum(f.bytes for f in stream.frames), rel=0.25)
        sizes.append(len(stream.data))
    assert seen == [0.5, 1.0, 0.5, 1.0]
    assert sizes[0] > 1.05 * sizes[1]


def test_settings_that_mean_nothing_here_change_nothing(file, small_frame):
    engine = get_engine("learned", codec=file)
    plain = engine.encode([small_frame], None, EncodeSettings(qp=1)).data
    others = EncodeSettings(
        qp=1, preset=0, threads=4, ctu_size=64, wpp=True, tau=3.0, weight_scope=WeightScope.QP
    )
    assert engine.encode([small_frame], None, others).data == plain
    summed = engine.encode([small_frame], None, others.changed(md5_sei=True)).data
    assert len(summed) == len(plain) + 4


def test_refusals(file, small_frame):
    engine = get_engine("learned", codec=file)
    weights = WeightMap(128, 96, 3, np.ones((1, 1, 12, 16), np.float32))
    with pytest.raises(IdseError, match="the learned engine takes no weights"):
        engine.encode([small_frame], weights, EncodeSettings(qp=0))
    unused = EncodeSettings(qp=0, weight_scope=WeightScope.NONE)
    assert engine.encode([small_frame], weights, unused).frames[0].qp == 0
    for settings, words in (
        (EncodeSettings(qp=2), r"point 2: must be 0\.\.1"),
        (EncodeSettings(qp=0, target_bpp=0.5), "codes at a point of its codec: give --qp"),
        (EncodeSettings(qp=0, target_bytes=500), "codes at a point of its codec: give --qp"),
        (EncodeSettings(qp=0, cb_qp_offset=1), "takes no chroma QP offsets"),
    ):
        with pytest.raises(IdseError, match=words):
            engine.check(settings, weighted=False)
    for weighted, tiles in ((True, False), (False, True)):
        with pytest.raises(IdseError, match="the learned engine takes no weights"):
            engine.check(EncodeSettings(qp=0), weighted=weighted, tiles=tiles)
    with pytest.raises(IdseError, match="which codec"):
        get_engine("learned")
    with pytest.raises(IdseError, match="no frames"):
        engine.encode([], None, EncodeSettings(qp=0))
    small = Frame(tuple(p[:32, :32] for p in small_frame.planes[:1]), 8, "400")
    with pytest.raises(IdseError, match="frame 1 is 32x32"):
        engine.encode([small_frame, small], None, EncodeSettings(qp=0))


def test_a_file_that_changed_is_read_again(untrained_codec, tmp_path):
    path = tmp_path / "a.idsec"
    first = untrained_codec("icm")
    first.save(path)
    assert load_codec(path) is load_codec(path)
    assert load_codec(path).digest == first.digest
    second = untrained_codec("icm", seed=3)
    second.save(path)
    os.utime(path, ns=(1, 1))
    assert load_codec(path).digest == second.digest
