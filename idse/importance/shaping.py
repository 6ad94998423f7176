"""From raw importance to the weights an engine uses: the NumPy statement of what `cpp/vvc/weights/shaping` does.

The native engine shapes by itself (with its own portable arithmetic); this is for what shows or exports a map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError


def shape_plane(
    plane: NDArray[np.floating], mean: float, tau: float = 0.2, exponent: float = 0.5, clip_qp: float = 6.0
) -> tuple[NDArray[np.float64], float]:
    """Shape one plane of one frame.

    In this order: `w <- (w + tau mean) / ((1 + tau) mean)`, `w <- w^exponent`, geometric mean 1, clip to
    `2^(+-clip_qp / 3)`.

    Args:
        plane: Raw weights, >= 0.
        mean: Mean of the frame's raw luma weights, > 0 (for the chroma planes too: so they keep their ratio to luma).
        tau: Share of plain squared error, >= 0, in units of the mean; infinity is plain squared error.
        exponent: >= 0; 0 is plain squared error.
        clip_qp: In QP steps, >= 0.

    Returns:
        The weights, geometric mean 1, and the geometric mean they had before: gain of chroma over luma is the ratio
        of the two planes' geometric means.

    Raises:
        IdseError: An argument out of its range.
    """
    if not mean > 0:
        raise IdseError("the luma weights are all zero; make the map again")
    for name, value in (("tau", tau), ("exponent", exponent), ("clip qp", clip_qp)):
        if not value >= 0:
            raise IdseError(f"{name} {value}: must be 0 or more")
    if np.isinf(tau) or exponent == 0:
        return np.ones(plane.shape), 1.0
    blended = (plane.astype(np.float64) + tau * mean) / ((1 + tau) * mean)
    shaped = np.maximum(blended, 1e-9) ** exponent
    geometric = float(np.exp(np.log(shaped).mean()))
    if (shaped == shaped.flat[0]).all():
        return np.ones(plane.shape), geometric
    limit = 2.0 ** (clip_qp / 3)
    weights = shaped
    for _ in range(3):  # the clip moves the mean; the further rounds bring it back
        weights = np.clip(weights / np.exp(np.log(weights).mean()), 1 / limit, limit)
    return weights, geometric


def shape_frame(
    planes: NDArray[np.floating], tau: float = 0.2, exponent: float = 0.5, clip_qp: float = 6.0
) -> tuple[NDArray[np.float64], list[float]]:
    """Shape the planes `[1 or 3, rows, cols]` of one frame.

    Returns:
        Weights of the same shape, geometric mean 1 per plane, and the chroma gains (0 or 2 of them: geometric mean of
        the shaped plane over that of luma, realised by an engine as a chroma QP offset of `-3 log2(gain)`).
    """
    mean = float(planes[0].mean(dtype=np.float64))
    shaped = [shape_plane(plane, mean, tau, exponent, clip_qp) for plane in planes]
    return np.stack([w for w, _ in shaped]), [g / shaped[0][1] for _, g in shaped[1:]]
