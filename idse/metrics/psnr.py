"""PSNR per plane, at 10 bit against a source of up to 10 bits shifted up.

The convention of the reference points of other encoders: the peak is `255 << 2 = 1020` for every bit depth of the
source, so that 8-bit and 10-bit sources share one scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.integer[Any]]

PEAK_10BIT = 255 << 2


def at_10_bit(plane: Plane, bit_depth: int) -> npt.NDArray[np.int64]:
    """A plane of up to 10 bits shifted up to 10."""
    if not 1 <= bit_depth <= 10:
        raise ValueError(f"bit depth {bit_depth} is not in 1..10")
    return np.left_shift(plane.astype(np.int64), 10 - bit_depth)


def plane_sse(source: Plane, source_depth: int, decoded: Plane, decoded_depth: int = 10) -> int:
    """Sum of squared differences, both planes brought to 10 bit by shifting."""
    if source.shape != decoded.shape:
        raise ValueError(f"planes differ in shape: {source.shape} and {decoded.shape}")
    difference = at_10_bit(source, source_depth) - at_10_bit(decoded, decoded_depth)
    return int(np.dot(difference.ravel(), difference.ravel()))


def psnr_from_sse(sse: float, samples: int, peak: float = PEAK_10BIT) -> float:
    """PSNR in dB; infinite if the planes are equal."""
    if samples <= 0:
        raise ValueError("no samples")
    return math.inf if sse == 0 else 10.0 * math.log10(peak * peak * samples / sse)


def psnr_planes(
    source: Sequence[Plane], source_depth: int, decoded: Sequence[Plane], decoded_depth: int = 10
) -> list[float]:
    """PSNR of each plane (Y, or Y, U, V) in dB."""
    if len(source) != len(decoded):
        raise ValueError(f"{len(source)} planes against {len(decoded)}")
    return [
        psnr_from_sse(plane_sse(a, source_depth, b, decoded_depth), a.size)
        for a, b in zip(source, decoded, strict=True)
    ]


def psnr_611(planes: Sequence[float]) -> float:
    """The mean `(6 Y + U + V) / 8` of PSNRs in dB, as JCT-VC's documents weigh 4:2:0 pictures."""
    y, u, v = planes
    return (6 * y + u + v) / 8
