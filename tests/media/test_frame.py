import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from idse.errors import IdseError
from idse.media.frame import Frame, decoded_rgb


def psnr(a, b):
    return -10 * np.log10(((a.astype(float) - b) ** 2).mean() / 255**2)


def test_conversion_is_that_of_the_reference(shared, tmp_path):
    picture = sorted((shared / "data" / "kodak").glob("*.png"))[0]
    target = tmp_path / "reference.yuv"
    script = shared / "reference" / "to_yuv.py"
    subprocess.run(
        [sys.executable, str(script), str(picture), str(target)], check=True, stdout=subprocess.DEVNULL
    )
    frame = Frame.from_rgb(np.asarray(Image.open(picture).convert("RGB")))
    assert b"".join(p.tobytes() for p in frame.planes) == target.read_bytes()


def test_conversion_by_hand():
    rgb = np.array([[[255, 0, 0], [255, 255, 255]], [[0, 0, 0], [0, 0, 255]]], np.uint8)
    y, cb, cr = Frame.from_rgb(rgb).planes
    luma = np.array([[76.245, 255.0], [0.0, 29.07]])
    assert y.tolist() == np.floor(luma + 0.5).tolist()
    assert cb.item() == np.floor(((rgb[..., 2] - luma) / 1.772 + 128).mean() + 0.5)
    assert cr.item() == np.floor(((rgb[..., 0] - luma) / 1.402 + 128).mean() + 0.5)


def test_odd_sizes_repeat_the_last_column(photograph):
    frame = Frame.from_rgb(photograph)
    assert [p.shape for p in frame.planes] == [(300, 451), (150, 226), (150, 226)]
    even = Frame.from_rgb(np.pad(photograph, ((0, 0), (0, 1), (0, 0)), mode="edge"))
    assert all(np.array_equal(a, b) for a, b in zip(frame.planes[1:], even.planes[1:], strict=True))


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("full_range", [True, False])
@pytest.mark.parametrize("bit_depth", [8, 10, 16])
def test_there_and_back(photograph, matrix, full_range, bit_depth):
    frame = Frame.from_rgb(photograph, matrix=matrix, full_range=full_range, bit_depth=bit_depth)
    low, high = (0, 255) if full_range else (16, 235)
    scale = 1 << (bit_depth - 8)
    assert frame.planes[0].min() >= low * scale
    assert frame.planes[0].max() <= (((high + 1) * scale - 1) if full_range else high * scale)
    assert psnr(photograph, frame.to_rgb()) > 38  # what chroma loses
    assert np.abs(frame.to_rgb(as_float=True) * 255 - frame.to_rgb()).max() <= 0.5001


def test_grey_there_and_back_is_exact():
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    for depth in (8, 10):
        frame = Frame.from_rgb(ramp, chroma_format="400", bit_depth=depth)
        assert np.array_equal(frame.to_rgb(), ramp)


def test_depths_shift_and_round(small_frame):
    deep = small_frame.with_bit_depth(10)
    assert all(
        np.array_equal(a.astype(int) << 2, b) for a, b in zip(small_frame.planes, deep.planes, strict=True)
    )
    assert all(
        np.array_equal(a, b) for a, b in zip(small_frame.planes, deep.with_bit_depth(8).planes, strict=True)
    )
    white = Frame((np.full((2, 2), 1023, np.uint16),), 10, "400").with_bit_depth(8)
    assert white.planes[0].dtype == np.uint8
    assert white.planes[0].max() == 255


@pytest.mark.parametrize("full_range", [True, False])
def test_a_perfect_reconstruction_looks_like_its_source(photograph, full_range):
    source = Frame.from_rgb(photograph, full_range=full_range)
    recon = source.with_bit_depth(10)
    assert np.array_equal(decoded_rgb(recon), source.to_rgb())
    np.testing.assert_allclose(decoded_rgb(recon, 8, as_float=True), source.to_rgb(as_float=True), atol=1e-6)
    if full_range:  # what goes wrong without
        assert np.abs(recon.to_rgb(as_float=True) - source.to_rgb(as_float=True)).max() > 0.002
    deep = Frame.from_rgb(photograph, bit_depth=10)
    assert np.array_equal(decoded_rgb(deep, 10, as_float=True), deep.to_rgb(as_float=True))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((np.zeros((4, 4), np.uint8),), 8, "420"), "not a 420 picture"),
        (((np.zeros((4, 4), np.uint8),), 10, "400"), "must be uint16"),
        (((np.zeros((4, 4), np.uint8),), 7, "400"), "must be 8..16"),
        (((np.zeros((4, 4), np.uint8),), 8, "444"), "must be 400 or 420"),
        (((np.zeros((4, 4), np.uint8),), 8, "400", "bt2020"), "must be one of bt601, bt709"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, words):
    with pytest.raises(IdseError, match=words):
        Frame(*arguments)
