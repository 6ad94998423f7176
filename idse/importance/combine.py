"""Combining weight maps: the sum over several detectors, and the product with the activity map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.importance.weight_map import TILE, WeightMap


def combine(
    maps: Sequence[WeightMap], *, activity: WeightMap | None = None, blend_activity: float = 0.0
) -> WeightMap:
    """Sum of maps, each divided by its frame's mean luma weight, times `activity ** blend_activity`.

    Use the sum where the receiver's detector is unknown. All planes of a map are divided by its luma mean, so chroma
    keeps its ratio to luma. With `blend_activity` b, every plane is multiplied by the activity's luma weight (relative
    to its geometric mean) to the power b. With the encoder's default exponent of 0.5, b = 1 gives the weights
    `sqrt(IDSE) * sqrt(activity)`.

    Tiles are kept if all maps have them: the rows of their factors are stacked, each divided by the square root of
    its map's mean, and scaled with the blend. A blend with cells other than 8x8 drops the tiles.

    Args:
        maps: One or more maps of the same pictures, grid and planes.
        activity: From `activity_map`, on the same grid; needed if `blend_activity` is not 0.
        blend_activity: The power, 0 or more.

    Raises:
        IdseError: The maps are of different pictures or grids, or the activity is missing.
    """
    if not maps:
        raise IdseError("no weight maps to combine")
    if not 0 <= blend_activity < float("inf"):
        raise IdseError(f"blend activity {blend_activity}: must be 0 or more")
    first = maps[0]
    for other in maps[1:]:
        _check_alike(first, other)
        if other.has_chroma != first.has_chroma:
            raise IdseError("weight maps with and without chroma planes cannot be combined")
    total = np.zeros(first.planes.shape, np.float64)
    factors: list[NDArray[np.float64]] = []
    for item in maps:
        mean = item.planes[:, 0].mean((1, 2), dtype=np.float64)
        total += item.planes / mean[:, None, None, None]
        if item.tiles is not None:
            factors.append(item.tiles / np.sqrt(mean)[:, None, None, None, None])
    keep_tiles = len(factors) == len(maps)
    meta = {
        "estimator": "combined",
        "maps": [m.meta for m in maps],
        "blend_activity": blend_activity,
    }
    if blend_activity > 0:
        if activity is None:
            raise IdseError("blending with the activity needs an activity map")
        _check_alike(first, activity)
        logs = np.log(np.maximum(activity.planes[:, :1], 1e-12).astype(np.float64))
        gain = np.exp(blend_activity * (logs - logs.mean((2, 3), keepdims=True)))
        total *= gain
        keep_tiles = keep_tiles and 1 << first.log2_unit == TILE
        if keep_tiles:
            factors = [f * np.sqrt(gain[:, 0])[..., None, None] for f in factors]
    tiles = np.concatenate(factors, axis=3).astype(np.float32) if keep_tiles else None
    return WeightMap(first.width, first.height, first.log2_unit, total.astype(np.float32), tiles, meta)


def _check_alike(a: WeightMap, b: WeightMap) -> None:
    b.check_fits(a.width, a.height, a.frames)
    if a.log2_unit != b.log2_unit:
        raise IdseError(
            f"weight maps with cells of {1 << a.log2_unit} and {1 << b.log2_unit} samples do not combine"
        )
