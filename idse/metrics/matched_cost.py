"""What is gained where it costs as much: settings along a path (of tau, say), read at one cost.

Two ways of weighting can only be compared where they cost the same. Each setting of a path has a cost (its BD-rate on
PSNR, say) and a gain (its BD-rate on feature distance); between neighbours by cost the gain is taken from the straight
line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from idse.metrics.pareto import pareto_front


@dataclass(frozen=True)
class MatchedCost:
    """The gain at a cost, or the reason why there is none.

    Attributes:
        gain: Interpolated.
        reason: Why there is none, or empty.
        between: The two settings (indices) that it lies between; twice the same where one has just that cost.
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

    Settings that another beats (no more cost, no less gain) are left out first, as nobody would use them; so the order
    of the settings does not matter, equal costs and a path that folds back are no trouble, and more cost always gains
    more. Nothing is extrapolated. Settings with a cost or gain that is not finite are left out.

    Args:
        costs: Of each setting, lower is better.
        gains: Of each setting.
        at: The cost to read at.
        lower_is_better: Of the gains. True for BD-rates, where -10 % is more gained than -5 %.

    Raises:
        ValueError: Not as many gains as costs.
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
