"""Bootstrap over pictures: how much a figure varies between samples of the same number of pictures.

All configurations are resampled with the same pictures (paired), so the interval of a difference between two of
them is narrower than those of the two figures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def resamples(pictures: int, draws: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """`[draws, pictures]` counts: how often each picture is in each resample (rows sum to `pictures`)."""
    if pictures < 1 or draws < 0:
        raise ValueError("at least one picture and no negative number of draws")
    rng = np.random.default_rng(seed)
    return np.asarray(
        rng.multinomial(pictures, np.full(pictures, 1.0 / pictures), size=draws), dtype=np.int64
    )


def half_interval(
    values: Sequence[float | None], level: float = 0.95, min_share: float = 0.5
) -> float | None:
    """Half the width of the percentile interval of resampled figures; None if too few of them exist."""
    known = np.array([v for v in values if v is not None and np.isfinite(v)], dtype=np.float64)
    if len(values) == 0 or len(known) < max(2, min_share * len(values)):
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(high - low) / 2
