"""How well maps agree with those of detectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def ranks_agree(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    """Return Spearman's rank correlation."""
    ra, rb = (np.argsort(np.argsort(v.ravel(), kind="stable")).astype(np.float64) for v in (a, b))
    if ra.std() == 0 or rb.std() == 0 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(ra, rb)[0, 1])


def expected_error(teacher: npt.NDArray[Any], student: npt.NDArray[Any], exponent: float, tau: float = 0.2) -> float:
    """Return the feature error at equal rate relative to no weights, in the high-rate model; smaller is better."""
    w = ((student / student.mean() + tau) / (1 + tau)) ** exponent
    w = w / np.exp(np.log(w).mean())
    return float((teacher / np.clip(w, 0.25, 4.0)).mean() / teacher.mean())


def figures(maps: Sequence[npt.NDArray[Any]], teachers: Sequence[npt.NDArray[Any]]) -> dict[str, float]:
    """Return the mean agreement of luma maps with the detectors' clean Jacobian maps (their average, and each).

    Args:
        maps: `[rows, cols]` for each picture.
        teachers: `[detectors, rows, cols]` for each picture.
    """
    rows = []
    for own, each in zip(maps, teachers, strict=True):
        mean = each.mean(0)
        log = np.log(np.maximum(own, 1e-12)) - np.log(np.maximum(mean, 1e-12))
        row = {"rank": ranks_agree(own, mean), "log_mse": float(log.var())}
        row |= {f"error_{e}": expected_error(mean, own, e) for e in (0.5, 0.75, 1.0)}
        row |= {f"error_detector{k}": expected_error(t, own, 0.5) for k, t in enumerate(each)}
        rows.append(row)
    return {name: round(float(np.mean([r[name] for r in rows])), 4) for name in rows[0]}
