"""The colours in which weights are shown: steadily rising lightness from dark blue to pale yellow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_STOPS = np.array(
    [
        (4, 6, 45),
        (44, 17, 110),
        (98, 25, 128),
        (150, 42, 122),
        (202, 64, 98),
        (237, 105, 64),
        (250, 165, 40),
        (249, 222, 98),
        (252, 253, 200),
    ],
    np.float64,
)


def colours(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Colours `[..., 3]` in 0..255 for values in 0..1 (clipped)."""
    at = np.clip(values, 0, 1) * (len(_STOPS) - 1)
    stops = np.arange(len(_STOPS))
    return np.stack([np.interp(at, stops, _STOPS[:, c]) for c in range(3)], axis=-1)
