"""BD-rates of many pairs of curves at once, for the bootstrap. A test compares them with `bd_rate` for one pair.

Piecewise cubic Hermite interpolation of log rate over quality, with the slopes of Fritsch and Butland (1984), the
"pchip" of SciPy and of the JCT-VC's spreadsheets, integrated in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from idse.metrics.bd_rate import MIN_POINTS

Array = npt.NDArray[np.float64]


def bd_rates(
    anchor_rate: Array,
    anchor_quality: Array,
    test_rate: Array,
    test_quality: Array,
    min_overlap: float = 0.05,
) -> Array:
    """BD-rate in per cent of the curves in each row; NaN where `bd_rate` gives a reason instead.

    Args:
        anchor_rate: `[n, points]`, above 0.
        anchor_quality: The same shape, higher is better.
        test_rate: `[n, other points]`.
        test_quality: The same shape.
        min_overlap: The least share of the joint quality range that both curves must cover.
    """
    if anchor_rate.shape[1] < MIN_POINTS or test_rate.shape[1] < MIN_POINTS:
        return np.full(len(anchor_rate), np.nan)
    with np.errstate(all="ignore"):
        a = _Curves(anchor_rate, anchor_quality)
        t = _Curves(test_rate, test_quality)
        low = np.maximum(a.x[:, 0], t.x[:, 0])
        high = np.minimum(a.x[:, -1], t.x[:, -1])
        joint = np.maximum(a.x[:, -1], t.x[:, -1]) - np.minimum(a.x[:, 0], t.x[:, 0])
        mean = (t.integral(low, high) - a.integral(low, high)) / (high - low)
        found = 100 * np.expm1(mean)
        good = a.good & t.good & (high > low) & ((high - low) >= min_overlap * joint)
    return np.asarray(np.where(good, found, np.nan))


def bd_rates_of_curves(
    anchors: Sequence[tuple[Array, Array]], tests: Sequence[tuple[Array, Array]], min_overlap: float = 0.05
) -> Array:
    """The same for curves of any number of points each, such as Pareto fronts.

    Args:
        anchors: `[n]` rates and qualities.
        tests: The same number of curves.
        min_overlap: The least share of the joint quality range that both curves must cover.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for i, (anchor, test) in enumerate(zip(anchors, tests, strict=True)):
        groups.setdefault((len(anchor[0]), len(test[0])), []).append(i)
    found = np.full(len(anchors), np.nan)
    for rows in groups.values():
        found[rows] = bd_rates(
            np.stack([anchors[i][0] for i in rows]),
            np.stack([anchors[i][1] for i in rows]),
            np.stack([tests[i][0] for i in rows]),
            np.stack([tests[i][1] for i in rows]),
            min_overlap,
        )
    return found


class _Curves:
    """Log rate over quality, one curve in each row."""

    def __init__(self, rate: Array, quality: Array) -> None:
        order = np.argsort(rate, axis=1, kind="stable")
        rate, x = np.take_along_axis(rate, order, 1), np.take_along_axis(quality, order, 1)
        self.good = (
            np.isfinite(rate).all(1)
            & np.isfinite(x).all(1)
            & (rate[:, 0] > 0)
            & (np.diff(rate, axis=1) > 0).all(1)
            & (np.diff(x, axis=1) > 0).all(1)
        )
        # Rows that are not good have no result; their values only have to be valid.
        self.x = np.where(self.good[:, None], x, np.arange(x.shape[1], dtype=np.float64))
        self.y = np.log(np.where(self.good[:, None], rate, 1.0))
        self.h = np.diff(self.x, axis=1)
        self.slope = np.diff(self.y, axis=1) / self.h
        self.d = _derivatives(self.h, self.slope)
        pieces = (
            self.h * (self.y[:, :-1] + self.y[:, 1:]) / 2 + self.h**2 * (self.d[:, :-1] - self.d[:, 1:]) / 12
        )
        self.sums = np.concatenate([np.zeros((len(pieces), 1)), np.cumsum(pieces, axis=1)], axis=1)

    def integral(self, low: Array, high: Array) -> Array:
        """From `low` to `high`, per row, both within the curve."""
        return self._primitive(high) - self._primitive(low)

    def _primitive(self, at: Array) -> Array:
        row = np.arange(len(at))
        k = np.clip((self.x <= at[:, None]).sum(axis=1) - 1, 0, self.h.shape[1] - 1)
        h, slope, d0, d1 = self.h[row, k], self.slope[row, k], self.d[row, k], self.d[row, k + 1]
        u = at - self.x[row, k]
        second, third = (3 * slope - 2 * d0 - d1) / h, (d0 + d1 - 2 * slope) / h**2
        return np.asarray(
            self.sums[row, k] + u * (self.y[row, k] + u * (d0 / 2 + u * (second / 3 + u * third / 4)))
        )


def _derivatives(h: Array, slope: Array) -> Array:
    """Slopes at the knots that keep the curve monotone."""
    left, right = 2 * h[:, 1:] + h[:, :-1], h[:, 1:] + 2 * h[:, :-1]
    same = slope[:, :-1] * slope[:, 1:] > 0
    inner = np.where(same, (left + right) / (left / slope[:, :-1] + right / slope[:, 1:]), 0.0)
    return np.concatenate(
        [
            _end(h[:, 0], h[:, 1], slope[:, 0], slope[:, 1])[:, None],
            inner,
            _end(h[:, -1], h[:, -2], slope[:, -1], slope[:, -2])[:, None],
        ],
        axis=1,
    )


def _end(h0: Array, h1: Array, m0: Array, m1: Array) -> Array:
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    d = np.where(np.sign(d) != np.sign(m0), 0.0, d)
    return np.where((np.sign(m0) != np.sign(m1)) & (np.abs(d) > 3 * np.abs(m0)), 3 * m0, d)
