"""Distance between a detector's feature maps of the source and of the decoded picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class FeatureError(NamedTuple):
    """Squared error summed over all levels, and the number of elements it was summed over."""

    sse: float
    elements: int

    @property
    def mse(self) -> float:
        """Mean squared error over all elements of all levels (a level counts by its size)."""
        return self.sse / self.elements

    @property
    def distance_db(self) -> float:
        """The quality `10 log10 1/MSE` in dB; higher is better, infinite for equal features."""
        return feature_distance(self.mse)


def feature_distance(mse: float) -> float:
    """`10 log10 1/MSE` in dB: the axis on which BD-rates of features are taken."""
    return math.inf if mse == 0 else -10.0 * math.log10(mse)


def feature_error(
    reference: Sequence[npt.NDArray[np.floating[Any]]], test: Iterable[npt.NDArray[np.floating[Any]]]
) -> FeatureError:
    """Squared error of `test` against `reference`, summed in float64 over the levels."""
    sse, elements = 0.0, 0
    for level, (a, b) in enumerate(zip(reference, test, strict=True)):
        if a.shape != b.shape:
            raise ValueError(f"level {level} differs in shape: {a.shape} and {b.shape}")
        sse += float(np.sum(np.square(a - b), dtype=np.float64))
        elements += a.size
    if elements == 0:
        raise ValueError("no features")
    return FeatureError(sse, elements)
