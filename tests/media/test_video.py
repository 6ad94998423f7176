"""How VVC is decoded: in one thread, everywhere."""

import re
from pathlib import Path

import av
import numpy as np
import pytest

from idse.engines import EncodeSettings, get_engine
from idse.engines.verify import compare
from idse.errors import IdseError
from idse.media.frame import Frame
from idse.media.io import read_frames
from idse.media.video import decode_vvc, one_thread, read_video, vvc_decoder

REPOSITORY = Path(__file__).parents[2]


def test_the_decoder_has_one_thread():
    assert vvc_decoder().thread_count == 1
    assert vvc_decoder({"apply_cropping": "0"}).options == {"err_detect": "explode", "apply_cropping": "0"}
    other = av.CodecContext.create("hevc", "r")
    other.thread_count = 3
    one_thread(other)
    assert other.thread_count == 3


def test_nothing_else_opens_a_vvc_decoder():
    """FFmpeg's threads race on some pictures; `vvc_decoder` and `one_thread` are the one rule."""
    opened = re.compile(r"""CodecContext\.create\(\s*["']vvc|Codec\(\s*["']vvc""")
    decodes = re.compile(r"\.decode\(video=")
    for path in (p for room in ("idse", "scripts", "benchmarks") for p in (REPOSITORY / room).rglob("*.py")):
        text = path.read_text("utf-8")
        assert path.name == "video.py" or not opened.search(text), path
        assert not decodes.search(text) or "one_thread(" in text, path


def narrow() -> Frame:
    """One CTU wide and two high, of noise: what FFmpeg's threads race on."""
    rng = np.random.default_rng(3)
    planes = [rng.integers(0, 256, shape).astype(np.uint8) for shape in ((256, 128), (128, 64), (128, 64))]
    return Frame(tuple(planes))


def test_pictures_one_ctu_wide(tmp_path):
    try:
        stream = get_engine("native").encode([narrow()], None, EncodeSettings(preset=0, qp=27))
    except IdseError as missing:
        pytest.skip(str(missing))
    path = tmp_path / "narrow.266"
    path.write_bytes(stream.data)
    for _ in range(15):
        compare(decode_vvc(stream.data), stream.recon)
        compare(read_frames(path), stream.recon)
        compare(list(read_video(path)), stream.recon)  # as a container
