"""Many BD-rates at once are `bd_rate`, row by row."""

from __future__ import annotations

import numpy as np

from idse.metrics.bd_batch import bd_rates
from idse.metrics.bd_rate import bd_rate


def test_each_row_is_bd_rate() -> None:
    rng = np.random.default_rng(3)
    n = 300
    rates = [np.cumsum(rng.uniform(0.01, 5, (n, p)), axis=1) for p in (5, 4)]
    qualities = [rng.uniform(25, 32, (n, 1)) + np.cumsum(rng.uniform(-0.05, 3, (n, p)), axis=1) for p in (5, 4)]
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
