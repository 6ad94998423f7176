"""Toy detectors for which the best size of a picture is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from idse.media.frame import Frame

View = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def judge(*views: View) -> Callable[[Frame], Callable[[Frame], Sequence[float]]]:
    """The squared distance of luma, in 8-bit units, as each view shows it."""

    def luma(frame: Frame) -> NDArray[np.float64]:
        return frame.planes[0].astype(np.float64) / (1 << (frame.bit_depth - 8))

    def of(source: Frame) -> Callable[[Frame], Sequence[float]]:
        def distances(decoded: Frame) -> list[float]:
            assert decoded.planes[0].shape == source.planes[0].shape
            return [float(((v(luma(source)) - v(luma(decoded))) ** 2).sum()) for v in views]

        return distances

    return of


def coarse(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over 8x8 samples: blind to fine detail."""
    height, width = y.shape
    return y.reshape(height // 8, 8, width // 8, 8).mean(axis=(1, 3))


def fine(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over pairs of columns of alternating sign: sees only the finest detail."""
    return y[:, ::2] - y[:, 1::2]
