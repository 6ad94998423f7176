"""Shaping turns raw importance into the weights that an engine uses, over place and over frequency, in NumPy.

The native engine does its own shaping (`cpp/vvc/weights/shaping`), in portable arithmetic. This module is for showing
and exporting maps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.importance.weight_map import LOWEST, TILE

_PLAIN_TAU = 1e24  # from here on the blend is 1 to the last bit of a double, for any map
_GREATEST_EXPONENT = 10.0
_GREATEST_GAMMA = 2.0
GREATEST_WEIGHT = 16.0
"""Upper limit of a coefficient's weight relative to the lowest frequencies."""


def shape_plane(
    plane: NDArray[np.floating[Any]],
    mean: float,
    tau: float = 0.2,
    exponent: float = 0.5,
    clip_qp: float = 6.0,
) -> NDArray[np.float64]:
    """Shape one plane of one frame.

    In this order: `w <- (w + tau mean) / ((1 + tau) mean)`, `w <- w^exponent`, geometric mean 1, clip to
    `2^(+-clip_qp / 3)`.

    Args:
        plane: Raw weights, >= 0.
        mean: Mean of the plane's raw weights, > 0.
        tau: Share of plain squared error, >= 0, in units of the mean; infinity is plain squared error.
        exponent: 0..10; 0 is plain squared error.
        clip_qp: In QP steps, >= 0.

    Returns:
        The weights, with a geometric mean of 1.

    Raises:
        IdseError: An argument out of its range.
    """
    if not mean > 0:
        raise IdseError("the weights are all zero; make the map again")
    for name, value in (("tau", tau), ("exponent", exponent), ("clip qp", clip_qp)):
        if not value >= 0:
            raise IdseError(f"{name} {value}: must be 0 or more")
    if exponent > _GREATEST_EXPONENT:
        raise IdseError(f"exponent {exponent}: must be 0..{_GREATEST_EXPONENT:.0f}")
    if _is_plain(tau, exponent):
        return np.ones(plane.shape)
    blended = (plane.astype(np.float64) + tau * mean) / ((1 + tau) * mean)
    shaped = np.maximum(blended, 1e-9) ** exponent
    if (shaped == shaped.flat[0]).all():
        return np.ones(plane.shape)
    limit = 2.0 ** (clip_qp / 3)
    weights = shaped
    for _ in range(3):  # clipping changes the mean; the later rounds correct it
        weights = np.clip(weights / np.exp(np.log(weights).mean()), 1 / limit, limit)
    return weights


def shape_frame(
    planes: NDArray[np.floating[Any]], tau: float = 0.2, exponent: float = 0.5, clip_qp: float = 6.0
) -> tuple[NDArray[np.float64], list[float]]:
    """Shape the planes `[1 or 3, rows, cols]` of one frame.

    Returns:
        Weights of the same shape, with a geometric mean of 1 in each plane, and the gains of the chroma planes (0 or
        2 of them). A gain is `((r + tau) / (1 + tau))^exponent` for a plane whose geometric mean is r times luma's;
        an engine applies it as a chroma QP offset of `-3 log2(gain)`. For the geometric mean, values below a
        thousandth of a plane's mean are raised to that.
    """
    means = [float(plane.mean(dtype=np.float64)) for plane in planes]
    if not means[0] > 0:
        raise IdseError("the luma weights are all zero; make the map again")
    shaped = [
        shape_plane(plane, mean, tau, exponent, clip_qp) if mean > 0 else np.ones(plane.shape)
        for plane, mean in zip(planes, means, strict=True)
    ]
    levels = [
        float(np.exp(np.log(np.maximum(plane.astype(np.float64), mean / 1000)).mean())) if mean > 0 else 0.0
        for plane, mean in zip(planes, means, strict=True)
    ]
    if _is_plain(tau, exponent):
        return np.stack(shaped), [1.0] * (len(levels) - 1)
    return np.stack(shaped), [
        max((level / levels[0] + tau) / (1 + tau), 1e-6) ** exponent for level in levels[1:]
    ]


def shape_profile(
    profile: NDArray[np.floating[Any]], gamma: float = 0.75, floor: float = 1 / 256
) -> NDArray[np.float64]:
    """Shape the frequency profile of one plane of one frame.

    The profile is divided by its mean over the lowest 3x3 frequencies, so that a QP keeps its meaning where a picture
    has most of its energy; then `h = clip(p^gamma, floor, 16)`.

    Args:
        profile: `[8, 8]` raw, >= 0, rows by vertical frequency, as in `WeightMap.profiles`.
        gamma: 0..2; 0 gives all coefficients the weight 1.
        floor: Least weight, 1/4096..1.

    Returns:
        `[8, 8]` weights h of the DCT-II coefficients of 8x8 samples, relative to the weight of their block.

    Raises:
        IdseError: An argument out of its range, or a profile of another shape or without low frequencies.
    """
    if not 0 <= gamma <= _GREATEST_GAMMA:
        raise IdseError(f"gamma {gamma}: must be 0..{_GREATEST_GAMMA:.0f}")
    if not 1 / 4096 <= floor <= 1:
        raise IdseError(f"profile floor {floor}: must be 1/4096..1")
    if profile.shape != (TILE, TILE):
        raise IdseError(f"frequency profile of shape {profile.shape}: must be ({TILE}, {TILE})")
    lowest = float(profile[:LOWEST, :LOWEST].mean(dtype=np.float64))
    if not lowest > 0:
        raise IdseError("a frequency profile is all zero at the lowest frequencies; make the map again")
    if gamma == 0:
        return np.ones((TILE, TILE))
    return np.asarray(np.clip((profile.astype(np.float64) / lowest) ** gamma, floor, GREATEST_WEIGHT))


def profile_weights(h: NDArray[np.floating[Any]], width: int, height: int) -> NDArray[np.float64]:
    """Weights of the coefficients of a transform block of any size, relative to the weight of the block.

    The gain `g = sqrt(h)` is read by linear interpolation at `u = (x + 0.5) * 8 / width - 0.5` across and
    `v = (y + 0.5) * 8 / height - 0.5` down, both clamped to 0..7; the weight of coefficient (x, y) is `g^2`.

    Args:
        h: `[8, 8]`, as `shape_profile` gives it.
        width: Of the block, in samples of its plane.
        height: Of the block, in samples of its plane.

    Returns:
        `[height, width]`, rows by vertical frequency.
    """
    gains = np.sqrt(h.astype(np.float64))
    at = np.arange(TILE)
    across, down = ((np.arange(n) + 0.5) * TILE / n - 0.5 for n in (width, height))
    rows = np.stack([np.interp(across, at, row) for row in gains])  # np.interp clamps
    return np.asarray(np.stack([np.interp(down, at, column) for column in rows.T], axis=1) ** 2, np.float64)


def _is_plain(tau: float, exponent: float) -> bool:
    return tau >= _PLAIN_TAU or exponent == 0
