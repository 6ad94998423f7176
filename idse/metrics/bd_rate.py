"""BD-rate: the mean difference in bytes between two rate-quality curves at equal quality, in per cent.

The `bjontegaard` package computes it: piecewise cubic (`pchip`, as in the JCT-VC's and JVET's spreadsheets) or
`akima` (Herglotz et al. 2022: nearer to intermediate points). This module adds the reason why there is no number, where
the package returns NaN or a number from curves that are not monotone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Method = Literal["pchip", "akima"]

MIN_POINTS = 3


@dataclass(frozen=True)
class BdRate:
    """A BD-rate in per cent (negative: the test needs fewer bytes), or the reason why there is none."""

    percent: float | None
    reason: str = ""
    overlap: float = 0.0

    def __str__(self) -> str:
        return f"{self.percent:+.2f} %" if self.percent is not None else f"n/a ({self.reason})"


def overlap(anchor: Sequence[float], test: Sequence[float]) -> float:
    """Share of the two curves' joint quality range that both cover, 0..1."""
    low, high = min(min(anchor), min(test)), max(max(anchor), max(test))
    both = min(max(anchor), max(test)) - max(min(anchor), min(test))
    return max(both, 0.0) / (high - low) if high > low else 0.0


def _defect(name: str, rate: Sequence[float], quality: Sequence[float]) -> str:
    """The reason why this curve has no BD-rate, or an empty string. The points are sorted by rate."""
    if len(rate) < MIN_POINTS:
        return f"{name} curve: only {len(rate)} points"
    if not all(math.isfinite(v) for v in [*rate, *quality]):
        return f"{name} curve: a point is not finite"
    if min(rate) <= 0:
        return f"{name} curve: a rate is not positive"
    if np.any(np.diff(rate) <= 0) or np.any(np.diff(quality) <= 0):
        return f"{name} curve: quality does not rise with the rate"
    return ""


def _sorted(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    test_rate: Sequence[float],
    test_quality: Sequence[float],
) -> list[npt.NDArray[np.float64]] | str:
    """Rates and qualities of both curves by rising rate, or the reason why there is no figure."""
    curves: list[npt.NDArray[np.float64]] = []
    for name, rate, quality in (("anchor", anchor_rate, anchor_quality), ("test", test_rate, test_quality)):
        if len(rate) != len(quality):
            return f"{name} curve: {len(rate)} rates for {len(quality)} qualities"
        points = sorted((float(r), float(q)) for r, q in zip(rate, quality, strict=True))
        rates, qualities = [r for r, _ in points], [q for _, q in points]
        if reason := _defect(name, rates, qualities):
            return reason
        curves += [np.array(rates), np.array(qualities)]
    return curves


def bd_rate(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    test_rate: Sequence[float],
    test_quality: Sequence[float],
    min_overlap: float = 0.05,
    method: Method = "pchip",
) -> BdRate:
    """BD-rate of the test curve against the anchor (over log rate).

    Args:
        anchor_rate: Bytes (or any unit of rate) of the anchor's points, in any order.
        anchor_quality: Their quality, higher is better (dB, AP, ...).
        test_rate: The same of the curve under test.
        test_quality: The same of the curve under test.
        min_overlap: The least share of the joint quality range that both curves must cover.
        method: The interpolation between the points.
    """
    _check(method)
    curves = _sorted(anchor_rate, anchor_quality, test_rate, test_quality)
    if isinstance(curves, str):
        return BdRate(None, curves)
    share = overlap(curves[1].tolist(), curves[3].tolist())
    if share < min_overlap or share == 0:
        return BdRate(None, f"the curves overlap in only {100 * share:.0f} % of their quality range", share)
    import bjontegaard

    percent = float(bjontegaard.bd_rate(*curves, method=method, require_matching_points=False, min_overlap=0))
    return BdRate(percent, "", share) if math.isfinite(percent) else BdRate(None, "not finite", share)


@dataclass(frozen=True)
class BdQuality:
    """A mean difference in quality, in its own unit (positive: the test is better), or the reason why there is none."""

    difference: float | None
    reason: str = ""
    overlap: float = 0.0


def bd_quality(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    test_rate: Sequence[float],
    test_quality: Sequence[float],
    min_overlap: float = 0.05,
    method: Method = "pchip",
) -> BdQuality:
    """Mean difference in quality at equal rate ("BD-PSNR"): arguments as in `bd_rate`, overlap in log rate."""
    _check(method)
    curves = _sorted(anchor_rate, anchor_quality, test_rate, test_quality)
    if isinstance(curves, str):
        return BdQuality(None, curves)
    share = overlap(np.log(curves[0]).tolist(), np.log(curves[2]).tolist())
    if share < min_overlap or share == 0:
        return BdQuality(
            None, f"the curves overlap in only {100 * share:.0f} % of their range of rates", share
        )
    import bjontegaard

    found = float(bjontegaard.bd_psnr(*curves, method=method, require_matching_points=False, min_overlap=0))
    return BdQuality(found, "", share) if math.isfinite(found) else BdQuality(None, "not finite", share)


def _check(method: str) -> None:
    if method not in get_args(Method):
        raise ValueError(f"method {method!r} is not one of {', '.join(get_args(Method))}")
