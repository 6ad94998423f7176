"""Coding at a smaller size: frames are scaled down before encoding and up again after decoding.

Planes are scaled one by one with Lanczos filters (a = 3, with the low-pass that shrinking needs), as Pillow has them.
Chroma samples lie in the middle of their luma samples (`Frame`), so planes that are scaled by one ratio stay aligned;
sizes are rounded to even numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from idse.errors import IdseError
from idse.media.frame import Frame, plane_shapes

_MOST_SAMPLES = 1 << 31
"""Luma samples of all frames that are scaled back at once: 4 GiB with two bytes each."""

RESAMPLING = "Lanczos3 per plane, sizes rounded to even"


def coded_size(width: int, height: int, percent: int) -> tuple[int, int]:
    """The width and height at which a picture is coded."""
    if percent == 100:
        return width, height
    return max(2, round(width * percent / 200) * 2), max(2, round(height * percent / 200) * 2)


def scaled(frame: Frame, width: int, height: int) -> Frame:
    """The frame scaled to another size, with the same bit depth."""
    if (frame.width, frame.height) == (width, height):
        return frame
    peak = (1 << frame.bit_depth) - 1
    shapes = plane_shapes(width, height, frame.chroma_format)
    planes = tuple(_resize(p, shape, peak) for p, shape in zip(frame.planes, shapes, strict=True))
    return Frame(planes, frame.bit_depth, frame.chroma_format, frame.matrix, frame.full_range)


def scaled_back(frames: Sequence[Frame], width: int, height: int) -> list[Frame]:
    """Decoded frames scaled to the size of their source.

    Raises:
        IdseError: All frames together would take too much memory.
    """
    if len(frames) * width * height > _MOST_SAMPLES:
        raise IdseError(
            f"--size {width}x{height}: {len(frames)} frame(s) of this size do not fit in memory: "
            "choose a smaller size, or some of the frames with --frames"
        )
    return [scaled(frame, width, height) for frame in frames]


def _resize(plane: NDArray[Any], shape: tuple[int, int], peak: int) -> NDArray[Any]:
    picture = Image.fromarray(plane.astype(np.float32))
    resized = np.asarray(picture.resize((shape[1], shape[0]), Image.Resampling.LANCZOS))
    return np.asarray(np.clip(np.floor(resized + 0.5), 0, peak).astype(plane.dtype))
