"""Many BD-rates at once are `bd_rate`, row by row."""

from __future__ import annotations

import numpy as np

from idse.metrics.bd_batch import bd_rates, bd_rates_of_curves
from idse.metrics.bd_rate import bd_rate


def test_each_row_is_bd_rate() -> None:
    rng = np.random.default_rng(3)
    n = 300
    rates = [np.cumsum(rng.uniform(0.01, 5, (n, p)), axis=1) for p in (5, 4)]
    qualities = [
        rng.uniform(25, 32, (n, 1)) + np.cumsum(rng.uniform(-0.05, 3, (n, p)), axis=1) for p in (5, 4)
    ]
    rates[0][7, 2] = np.nan
    qualities[1][9, 1] = np.inf
    for r, q in zip(rates, qualities, strict=True):  # points in any order
        order = rng.permutation(r.shape[1])
        r[:], q[:] = r[:, order], q[:, order]
    found = bd_rates(rates[0], qualities[0], rates[1], qualities[1])
    wanted = [
        bd_rate(a, b, c, d).percent
        for a, b, c, d in zip(rates[0], qualities[0], rates[1], qualities[1], strict=True)
    ]
    known = [w is not None for w in wanted]
    assert 50 < sum(known) < n
    np.testing.assert_array_equal(np.isfinite(found), known)
    np.testing.assert_allclose(found[known], [w for w in wanted if w is not None], rtol=1e-8, atol=1e-8)


def test_too_few_points_have_none() -> None:
    two, three = np.array([[1.0, 2.0]]), np.array([[1.0, 2.0, 3.0]])
    assert np.isnan(bd_rates(two, two, three, three)).all()


def test_curves_of_any_length_are_told_apart_row_by_row() -> None:
    rng = np.random.default_rng(4)
    curves = [
        (np.cumsum(rng.uniform(0.1, 5, p)), 30 + np.cumsum(rng.uniform(0.1, 3, p)))
        for p in (3, 5, 4, 5, 2, 3, 6, 4)
    ]
    anchors, tests = curves[:4], curves[4:]
    wanted = [bd_rate(*a, *t).percent for a, t in zip(anchors, tests, strict=True)]
    assert wanted[0] is None and sum(w is not None for w in wanted) >= 2
    np.testing.assert_allclose(
        bd_rates_of_curves(anchors, tests), [np.nan if w is None else w for w in wanted], rtol=1e-8
    )
