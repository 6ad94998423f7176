"""Files of torch, NumPy and TOML that are made to take memory or stack: one line each."""

import zipfile

import numpy as np
import pytest
import torch

from idse.detectors import cache
from idse.errors import IdseError
from idse.features.embedded import WEIGHTS, load_embedded
from idse.features.torchvision_loading import read_state_dict
from idse.media import raw
from idse.media.io import InputOptions, parse_frames, read_frames
from idse.toml_file import toml_table


def test_archives_of_arrays_that_grow(tmp_path):
    """A few hundred kilobytes of zeros that become half a gigabyte."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(WEIGHTS) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
        target.writestr("more.npy", bytes(1 << 29))
    with pytest.raises(IdseError, match="not a weights file of the embedded extractor"):
        load_embedded(weights=path)
    assert cache.read(path) is None


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "9" * 5000])
def test_toml(text):
    with pytest.raises(IdseError, match=r"^no TOML: "):
        toml_table(text)


def test_state_dicts(tmp_path):
    path = tmp_path / "a.pth"
    torch.save({"a": torch.zeros(3)}, path)
    data = path.read_bytes()
    for at in range(0, len(data), 7):
        changed = bytearray(data)
        changed[at] ^= 0x55
        path.write_bytes(changed)
        try:
            read_state_dict(path)
        except IdseError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("text", ["9" * 5000, ":" + "9" * 5000, "9" * 19])
def test_frames_beyond_any_file(text):
    with pytest.raises(IdseError, match="must look like"):
        parse_frames(text)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("W99999 H99999 C420p16", "ends in the middle of a frame"),
        ("W100000 H2", "says 100000x2"),
        ("W" + "9" * 4000 + " H2", "says 9"),
        ("W" + "9" * 4090, "not a Y4M file"),
        ("W8 H8 C420p99999999", "bit: must be 8..16"),
        ("W8 H8 Cmono0", "0 bit: must be 8..16"),
    ],
)
def test_y4m_headers_that_promise_much(tmp_path, header, said):
    path = tmp_path / "a.y4m"
    path.write_bytes(f"YUV4MPEG2 {header}\nFRAME\n".encode() + bytes(50))
    with pytest.raises(IdseError, match=said):
        read_frames(path)


def test_large_frames_are_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(raw, "_PART", 100)
    samples = np.random.default_rng(0).integers(0, 256, 32 * 24 * 3 // 2, dtype=np.uint8)
    path = tmp_path / "a_32x24_8bit_420.yuv"
    path.write_bytes(samples.tobytes() * 2)
    for frame in read_frames(path, InputOptions()):
        np.testing.assert_array_equal(np.concatenate([p.ravel() for p in frame.planes]), samples)
