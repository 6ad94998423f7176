"""A fast share of scripts/conformance.py: random streams decode to the encoder's reconstruction."""


import numpy as np
import pytest

from idse.devtools.conformance.decoders import check_ffmpeg, difference
from idse.devtools.conformance.random_streams import make_case, make_narrow_case
from idse.engines import EncodeSettings, get_engine
from idse.engines.verify import compare
from idse.errors import IdseError
from idse.media.frame import Frame
from idse.media.video import decode_vvc

try:
    get_engine("native")
except IdseError as missing:
    pytest.skip(str(missing), allow_module_level=True)


@pytest.mark.parametrize("index", range(40))
def test_random_stream(index: int) -> None:
    case = make_case(20260, index, largest=96)
    stream = get_engine("native").encode(case.frames, case.weights, case.settings)
    assert check_ffmpeg(stream.data, stream.recon) == "", case.words
    if index % 5 == 0:
        settings = case.settings.changed(threads=case.settings.threads % 4 + 1)
        again = get_engine("native").encode(case.frames, case.weights, settings)
        assert again.data == stream.data, case.words


@pytest.mark.parametrize("index", range(8))
def test_pictures_one_ctu_wide(index: int) -> None:
    """FFmpeg's decoder threads race on these: every decode must give the reconstruction, through every door."""
    case = make_narrow_case(20260, index)
    stream = get_engine("native").encode(case.frames, case.weights, case.settings)
    for _ in range(4):
        assert check_ffmpeg(stream.data, stream.recon) == "", case.words
        compare(decode_vvc(stream.data), stream.recon)


@pytest.mark.parametrize("qp", [0, 22, 37, 51, 63])
def test_larger_than_a_few_ctus(qp: int) -> None:
    """Two rows and columns of the largest CTU, so that every neighbour exists somewhere."""
    case = make_case(7, 3, largest=96)
    rng = np.random.default_rng(qp)
    planes = [
        np.clip(rng.normal(128, 40, s), 0, 255).astype(np.uint8) for s in ((264, 264), (132, 132), (132, 132))
    ]
    planes[0][:128, 100:] = 90
    stream = get_engine("native").encode([Frame(tuple(planes))], None, EncodeSettings(qp=qp, preset=0))
    assert check_ffmpeg(stream.data, stream.recon) == "", case.words


def test_the_comparison_sees_one_wrong_sample() -> None:
    frame = Frame((np.full((8, 8), 100, np.uint16),), 10, "400")
    decoded = [[frame.planes[0].copy()]]
    assert difference([frame], decoded) == ""
    decoded[0][0][3, 5] = 101
    assert "x=5 y=3 (recon 100, decoder 101)" in difference([frame], decoded)
    assert "0 pictures decoded" in difference([frame], [])


def test_the_comparison_sees_a_damaged_stream() -> None:
    case = make_case(20260, 1, largest=64)
    stream = get_engine("native").encode(case.frames, case.weights, case.settings)
    damaged = bytearray(stream.data)
    damaged[len(damaged) // 2] ^= 0x10
    assert check_ffmpeg(bytes(damaged), stream.recon) != ""
