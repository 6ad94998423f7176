"""The Pareto front of rate-quality points: what is left when nobody pays more for less."""

from __future__ import annotations

import math
from collections.abc import Sequence


def pareto_front(rates: Sequence[float], qualities: Sequence[float]) -> list[int]:
    """Indices of the points that no other beats, by rising rate.

    A point is beaten by another that costs no more and is no worse, and differs in one of the two. Along the front
    both rate and quality therefore rise strictly: of equal rates the best stays, of equal qualities the cheapest, of
    equal points the first. A point with a NaN is left out.

    Args:
        rates: Lower is better.
        qualities: Higher is better; as many.

    Raises:
        ValueError: Not as many.
    """
    if len(rates) != len(qualities):
        raise ValueError(f"{len(rates)} rates for {len(qualities)} qualities")
    known = [i for i, (r, q) in enumerate(zip(rates, qualities, strict=True)) if not math.isnan(r + q)]
    front: list[int] = []
    for i in sorted(known, key=lambda i: (rates[i], -qualities[i])):
        if not front or qualities[i] > qualities[front[-1]]:
            front.append(i)
    return front
