"""The Pareto front of rate-quality points, and the gain of settings at matched cost, which uses it.

Two methods of weighting can only be compared at equal cost. Each setting of a path has a cost (for example its BD-rate
in PSNR) and a gain (its BD-rate in feature distance). Between settings, the gain is interpolated linearly over the
cost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


def pareto_front(rates: Sequence[float], qualities: Sequence[float]) -> list[int]:
    """Indices of the points that no other point dominates, by rising rate.

    A point is dominated by another that has no higher rate and no lower quality and differs in one of the two. Along
    the front both rate and quality therefore rise strictly: of points with equal rates the one with the best quality
    stays, of equal qualities the one with the lowest rate, of equal points the first. A point with a NaN is left out.

    Args:
        rates: Lower is better.
        qualities: Higher is better; as many as rates.

    Raises:
        ValueError: The numbers of rates and qualities differ.
    """
    if len(rates) != len(qualities):
        raise ValueError(f"{len(rates)} rates for {len(qualities)} qualities")
    known = [i for i, (r, q) in enumerate(zip(rates, qualities, strict=True)) if not math.isnan(r + q)]
    front: list[int] = []
    for i in sorted(known, key=lambda i: (rates[i], -qualities[i])):
        if not front or qualities[i] > qualities[front[-1]]:
            front.append(i)
    return front


@dataclass(frozen=True)
class MatchedCost:
    """The gain at a cost, or the reason why there is none.

    Attributes:
        gain: The interpolated gain.
        reason: The reason why there is no gain, or empty.
        between: Indices of the two settings on either side; twice the same if one has exactly this cost.
    """

    gain: float | None
    reason: str = ""
    between: tuple[int, int] | None = None

    def __str__(self) -> str:
        return f"{self.gain:+.2f}" if self.gain is not None else f"n/a ({self.reason})"


def matched_cost(
    costs: Sequence[float], gains: Sequence[float], at: float, lower_is_better: bool = True
) -> MatchedCost:
    """The gain of a path of settings at one cost.

    Only the Pareto front of the settings is used: a setting is left out if another has no more cost and no less gain.
    So the order of the settings does not matter, costs may be equal, and a higher cost always gives a higher gain.
    There is no extrapolation. Settings with a cost or gain that is not finite are left out.

    Args:
        costs: Cost of each setting, lower is better.
        gains: Gain of each setting.
        at: The cost at which the gain is wanted.
        lower_is_better: Whether lower gains are better. True for BD-rates: -10 % is a greater gain than -5 %.

    Raises:
        ValueError: The numbers of gains and costs differ.
    """
    if len(costs) != len(gains):
        raise ValueError(f"{len(costs)} costs for {len(gains)} gains")
    sign = -1.0 if lower_is_better else 1.0
    known = [i for i in range(len(costs)) if math.isfinite(costs[i]) and math.isfinite(gains[i])]
    if not known:
        return MatchedCost(None, "no setting has both a cost and a gain")
    front = [known[k] for k in pareto_front([costs[i] for i in known], [sign * gains[i] for i in known])]
    least, most = costs[front[0]], max(costs[i] for i in known)
    if not least <= at <= most:
        return MatchedCost(
            None, f"a cost of {at:.3g} lies outside that of the settings, {least:.3g} to {most:.3g}"
        )
    for i, j in zip(front, [*front[1:], front[-1]], strict=True):
        if at == costs[i]:
            return MatchedCost(float(gains[i]), between=(i, i))
        if costs[i] < at < costs[j]:
            share = (at - costs[i]) / (costs[j] - costs[i])
            return MatchedCost(float(gains[i] + share * (gains[j] - gains[i])), between=(i, j))
    return MatchedCost(None, f"a cost above {costs[front[-1]]:.3g} gives no further gain")
