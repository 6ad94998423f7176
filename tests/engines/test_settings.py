import subprocess
import sys

import pytest

from idse.engines import EncodedStream, EncodeSettings, FrameStats, WeightScope, get_engine
from idse.errors import IdseError
from idse.media.frame import Frame


def test_scopes():
    assert WeightScope.parse("all") is WeightScope.ALL
    assert WeightScope.parse("rdo, qp") == WeightScope.RDO | WeightScope.QP
    assert WeightScope.parse("none") is WeightScope.NONE
    with pytest.raises(IdseError, match="weight scope 'rdo,sao'"):
        WeightScope.parse("rdo,sao")


def test_targets():
    assert EncodeSettings().frame_target(640, 480) == 0
    assert EncodeSettings(target_bytes=1234).frame_target(640, 480) == 1234
    assert EncodeSettings(target_bpp=0.5).frame_target(640, 480) == 640 * 480 // 16
    assert EncodeSettings(target_bpp=1e-9).frame_target(8, 8) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("qp", -1), ("preset", 5), ("threads", 0), ("ctu_size", 32), ("tau", -0.1), ("exponent", float("inf")),
     ("exponent", 10.1), ("exponent", float("nan")), ("tau", float("nan")), ("clip_qp", float("nan")),
     ("clip_qp", 12.1), ("cb_qp_offset", 13), ("cr_qp_offset", -13), ("target_bytes", 0)],
)  # fmt: skip
def test_ranges(field, value):
    with pytest.raises(IdseError, match=field.replace("_", " ")):
        EncodeSettings(**{field: value})


def test_stream_figures(small_frame: Frame):
    stats = [FrameStats(100, 32, (40.0, 41.0, 42.0)), FrameStats(100, 32, (float("inf"),) * 3)]
    stream = EncodedStream(bytes(200), [small_frame] * 2, stats, 0.1)
    assert stream.bpp == pytest.approx(1600 / (2 * 128 * 96))
    assert stream.psnr == pytest.approx(43.0103, abs=1e-4)  # half the mean squared error of 40 dB


def test_unknown_engine():
    with pytest.raises(IdseError, match="this version has native"):
        get_engine("vtm5000")


def test_import_loads_no_torch():
    code = "import sys, idse, idse.engines, idse.media.io, idse.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
