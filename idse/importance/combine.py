"""Combining weight maps: the sum over several detectors, and the product with the activity map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.importance.profile import with_mean_one
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

    The frequency profile of the sum is the mean of the maps' profiles, in each plane weighted with the map's share of
    the plane's mean weight. Maps without a profile say nothing about frequency and do not count; META says how many
    did (`profile.maps`). The activity leaves the profile as it is.

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
    profiles = _mean_profiles(maps)
    if profiles is not None:
        meta["profile"] = _profile_meta(maps)
    return WeightMap(first.width, first.height, first.log2_unit, total.astype(np.float32), tiles, meta, profiles)


def _mean_profiles(maps: Sequence[WeightMap]) -> NDArray[np.float32] | None:
    """`[frames, 1 or 3, 8, 8]`; None if no map has a profile."""
    having = [(m, m.profiles) for m in maps if m.profiles is not None]
    if not having:
        return None
    count = max(profiles.shape[1] for _, profiles in having)
    total = np.zeros((maps[0].frames, count, TILE, TILE))
    for item, profiles in having:
        means = item.planes.mean((2, 3), dtype=np.float64)
        share = np.ones((item.frames, count))  # of a map without chroma planes, chroma counts like luma
        planes = min(count, means.shape[1])
        share[:, :planes] = np.maximum(means[:, :planes] / means[:, :1], 1e-12)
        total += share[..., None, None] * with_mean_one(profiles)  # a single table serves all planes
    return with_mean_one(total)


def _profile_meta(maps: Sequence[WeightMap]) -> dict[str, Any]:
    """What the maps' METAs agree on, else "own"; also the number of maps with a profile, if not all have one."""
    found = [m.meta.get("profile", {"kind": "own"}) for m in maps if m.profiles is not None]
    meta = dict(found[0]) if all(f == found[0] for f in found) else {"kind": "own"}
    return meta if len(found) == len(maps) else meta | {"maps": len(found)}


def _check_alike(a: WeightMap, b: WeightMap) -> None:
    b.check_fits(a.width, a.height, a.frames)
    if a.log2_unit != b.log2_unit:
        raise IdseError(
            f"weight maps with cells of {1 << a.log2_unit} and {1 << b.log2_unit} samples do not combine"
        )
