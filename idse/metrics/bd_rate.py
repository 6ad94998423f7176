"""BD-rate: the mean difference in bytes between two rate-quality curves at equal quality, in per cent.

The arithmetic is the `bjontegaard` package's (piecewise cubic, `pchip`); what is added is a reason where no
number can be given, instead of a NaN or of a number from curves that fold back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    """Why this curve has no BD-rate, or the empty string. The points are sorted by rate."""
    if len(rate) < MIN_POINTS:
        return f"{name}: only {len(rate)} points"
    if not all(math.isfinite(v) for v in [*rate, *quality]):
        return f"{name}: a point is not finite"
    if min(rate) <= 0:
        return f"{name}: a rate is not positive"
    if np.any(np.diff(rate) <= 0) or np.any(np.diff(quality) <= 0):
        return f"{name}: quality does not rise with the rate"
    return ""


def bd_rate(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    test_rate: Sequence[float],
    test_quality: Sequence[float],
    min_overlap: float = 0.05,
) -> BdRate:
    """BD-rate of the test curve against the anchor (pchip over log rate).

    Args:
        anchor_rate: Bytes (or any unit of rate) of the anchor's points, in any order.
        anchor_quality: Their quality, higher is better (dB, AP, ...).
        test_rate: The same of the curve under test.
        test_quality: The same of the curve under test.
        min_overlap: Least share of the joint quality range that both curves must cover.
    """
    curves = []
    for name, rate, quality in (("anchor", anchor_rate, anchor_quality), ("test", test_rate, test_quality)):
        if len(rate) != len(quality):
            return BdRate(None, f"{name}: {len(rate)} rates for {len(quality)} qualities")
        points = sorted((float(r), float(q)) for r, q in zip(rate, quality, strict=True))
        rates, qualities = [r for r, _ in points], [q for _, q in points]
        if reason := _defect(name, rates, qualities):
            return BdRate(None, reason)
        curves.append((rates, qualities))
    (rate_a, quality_a), (rate_t, quality_t) = curves
    share = overlap(quality_a, quality_t)
    if share < min_overlap:
        return BdRate(None, f"the curves overlap in only {100 * share:.0f} % of their quality range", share)
    import bjontegaard

    percent = float(
        bjontegaard.bd_rate(
            np.array(rate_a),
            np.array(quality_a),
            np.array(rate_t),
            np.array(quality_t),
            method="pchip",
            require_matching_points=False,
            min_overlap=0,
        )
    )
    return BdRate(percent, "", share) if math.isfinite(percent) else BdRate(None, "not finite", share)
