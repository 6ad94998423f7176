"""Scaling lists from a map's frequency profile, as the file that VTM's option `ScalingListFile` reads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from idse.engines.settings import Shaping
from idse.importance.shaping import profile_weights, shape_profile

FLAT = 16
"""The entry of a scaling list that leaves a coefficient's quantiser step as the QP gives it."""

_GREATEST_ENTRY = 255
_BASE = 8  # side of the greatest coded matrices; larger blocks repeat it
_SIDES = (2, 4, 8, 16, 32, 64)
_PLANES = ("LUMA", "CHROMAU", "CHROMAV")


def gains(profile: NDArray[np.float32], shaping: Shaping) -> NDArray[np.float64]:
    """Shape a profile: divide by the mean of the lowest 3x3, raise to `gamma`, clip, and take the square root.

    Args:
        profile: float32 `[8, 8]`, rows of vertical frequency.
        shaping: Its `gamma` and `profile_floor`.

    Returns:
        float64 `[8, 8]` in `sqrt(profile_floor)..4`: the factor that a coefficient's error counts with.
    """
    return np.asarray(np.sqrt(shape_profile(profile, shaping.gamma, shaping.profile_floor)))


def matrix(gain: NDArray[np.float64], side: int) -> NDArray[np.int64]:
    """Return the list of blocks with `side` x `side` samples, at most 8: 16 / g, rounded, in 1..255.

    g is read bilinearly at `(x + .5) * 8 / side - .5`, the same of y.
    """
    values = np.sqrt(profile_weights(gain**2, side, side))
    entries: NDArray[np.int64] = np.clip(np.floor(FLAT / values + 0.5), 1, _GREATEST_ENTRY).astype(np.int64)
    return entries


def list_file(profiles: NDArray[np.float32], shaping: Shaping) -> str | None:
    """Return the text of the file, or None if every entry is flat.

    Lists of intra and inter blocks are the same, and those of Cb and Cr if the map has luma's profile only. The file
    names every size and plane, which VTM demands also of those that a picture does not use.

    Args:
        profiles: float32 `[1 or 3, 8, 8]`, of one frame.
        shaping: Its `gamma` and `profile_floor`.
    """
    by_plane = [gains(profiles[min(plane, len(profiles) - 1)], shaping) for plane in range(len(_PLANES))]
    if all((matrix(gain, side) == FLAT).all() for gain in by_plane for side in (2, 4, _BASE)):
        return None
    return "\n".join(line for gain, name in zip(by_plane, _PLANES, strict=True) for line in _lists(gain, name)) + "\n"


def _lists(gain: NDArray[np.float64], plane: str) -> Iterator[str]:
    for side in _SIDES:
        entries = matrix(gain, min(side, _BASE))
        for mode in ("INTRA", "INTER"):
            name = f"{mode}{side}X{side}_{plane}"
            yield f"{name} ="
            yield from (" ".join(f"{entry}," for entry in row) for row in entries)
            if side > _BASE:
                yield f"{name}_DC ="
                yield f"{entries[0, 0]},"
