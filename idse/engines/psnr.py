"""PSNR of frames, for engines whose encoder does not report it."""

from __future__ import annotations

import math

import numpy as np

from idse.media.frame import Frame

_PEAK = 255 << 2


def frame_psnr(source: Frame, decoded: Frame) -> tuple[float, ...]:
    """Compute `FrameStats.psnr` as `idse.metrics.psnr`, which is not imported because its package needs numba."""
    figures = []
    for a, b in zip(source.with_bit_depth(10).planes, decoded.with_bit_depth(10).planes, strict=True):
        error = (a.astype(np.int64) - b.astype(np.int64)).ravel()
        sse = int(np.dot(error, error))
        figures.append(math.inf if sse == 0 else 10 * math.log10(_PEAK**2 * error.size / sse))
    return tuple(figures)
