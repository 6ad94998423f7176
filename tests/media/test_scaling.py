"""Frames at another size and back."""

from __future__ import annotations

import numpy as np
import pytest

from idse.errors import IdseError
from idse.media.frame import Frame
from idse.media.scaling import coded_size, scaled, scaled_back
from idse.metrics.psnr import psnr_planes


def test_sizes_are_even() -> None:
    assert coded_size(640, 426, 75) == (480, 320)
    assert coded_size(641, 427, 100) == (641, 427)
    assert coded_size(10, 6, 5) == (2, 2)


def test_a_picture_comes_back_where_it_was(small_frame: Frame) -> None:
    small = scaled(small_frame, *coded_size(small_frame.width, small_frame.height, 50))
    assert (small.width, small.height) == (64, 48)
    back = scaled(small, small_frame.width, small_frame.height)
    near = psnr_planes(small_frame.planes, 8, back.planes, 8)
    moved = psnr_planes(small_frame.planes, 8, [np.roll(p, 1, axis=1) for p in back.planes], 8)
    assert all(a > b + 2 for a, b in zip(near, moved, strict=True))
    assert near[0] > 26


def test_flat_planes_stay_flat_at_any_depth() -> None:
    frame = Frame(
        tuple(np.full(s, v, np.uint16) for s, v in (((30, 50), 1020), ((15, 25), 512), ((15, 25), 3))), 10
    )
    back = scaled(scaled(frame, 26, 16), 50, 30)
    assert all((a == b).all() for a, b in zip(frame.planes, back.planes, strict=True))


def test_frames_come_back_unless_they_are_too_large(small_frame: Frame) -> None:
    back = scaled_back([small_frame] * 2, 51, 33)
    assert [(f.width, f.height, f.planes[1].shape) for f in back] == [(51, 33, (17, 26))] * 2
    with pytest.raises(IdseError, match="--size 65536x20000: 2 frame"):
        scaled_back([small_frame] * 2, 65536, 20000)
