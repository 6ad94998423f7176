"""Average precision of many samples at once is that of each sample."""

from __future__ import annotations

import numpy as np

from idse.metrics.average_precision import PrecisionCurves
from idse.metrics.matching import Matches

CLASSES = 4


def test_samples_at_once_are_those_one_by_one() -> None:
    rng = np.random.default_rng(5)
    pictures = []
    for _ in range(6):
        n = int(rng.integers(3, 12))
        hits = (rng.integers(0, 1024, n) * (rng.uniform(size=n) < 0.6)).astype(np.uint16)
        labels = np.sort(rng.integers(0, CLASSES, n)).astype(np.int16)
        positives = np.bincount(labels[hits > 0], minlength=CLASSES) + rng.integers(0, 2, CLASSES)
        pictures.append(
            Matches(
                np.round(rng.uniform(size=n), 1).astype(np.float32), labels, hits, np.zeros(n, np.uint16),
                positives.astype(np.int32),
            )
        )  # fmt: skip
    curves = PrecisionCurves(pictures, CLASSES)
    draws = rng.multinomial(6, np.full(6, 1 / 6), 20)
    draws[0] = 0  # nothing at all
    at_once = curves.resampled(draws)
    for i, counts in enumerate(draws):
        one = (curves.mean(counts), curves.mean(counts, 0.5), curves.weighted(counts))
        np.testing.assert_allclose([column[i] for column in at_once], one, rtol=1e-12)
    np.testing.assert_allclose(curves.resampled_pooled(draws), [curves.pooled(c) for c in draws], rtol=1e-12)
    assert np.isnan(at_once.mean[0]) and np.isfinite(at_once.mean[1:]).all()
