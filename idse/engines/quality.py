"""What engines that have no encoder of ours say of a frame's fidelity."""

from __future__ import annotations

import math

import numpy as np

from idse.media.frame import Frame


def frame_psnr(source: Frame, decoded: Frame) -> tuple[float, ...]:
    """`FrameStats.psnr` (as `idse.metrics.psnr`, which is not imported: its room needs numba)."""
    figures = []
    for a, b in zip(source.with_bit_depth(10).planes, decoded.with_bit_depth(10).planes, strict=True):
        error = (a.astype(np.int64) - b.astype(np.int64)).ravel()
        sse = int(np.dot(error, error))
        figures.append(math.inf if sse == 0 else 10 * math.log10((255 << 2) ** 2 * error.size / sse))
    return tuple(figures)
