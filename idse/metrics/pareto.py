"""The Pareto front of rate-quality points."""

from __future__ import annotations

import math
from collections.abc import Sequence


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
