import math

import numpy as np
import pytest

from idse.metrics import bd_rate, half_interval, overlap, resamples

pytest.importorskip("bjontegaard")

RATE = [100.0, 200.0, 400.0, 800.0]
QUALITY = [30.0, 33.0, 36.0, 39.0]


def test_equal_curves_differ_by_nothing() -> None:
    assert bd_rate(RATE, QUALITY, RATE, QUALITY).percent == pytest.approx(0)


def test_ten_percent_fewer_bytes_at_every_quality() -> None:
    found = bd_rate(RATE, QUALITY, [0.9 * r for r in RATE], QUALITY)
    assert found.percent == pytest.approx(-10)
    assert found.overlap == 1
    assert str(found) == "-10.00 %"


def test_points_may_come_in_any_order() -> None:
    found = bd_rate(RATE, QUALITY, [1.2 * r for r in RATE][::-1], QUALITY[::-1])
    assert found.percent == pytest.approx(20)


@pytest.mark.parametrize(
    ("rate", "quality", "reason"),
    [
        ([10, 20, 40, 80], [10, 11, 12, 13], "overlap"),
        (RATE, [30, 33, 32, 39], "test: quality does not rise"),
        (RATE, [30, 30, 32, 39], "test: quality does not rise"),
        (RATE[:2], QUALITY[:2], "test: only 2 points"),
        (RATE, QUALITY[:3], "4 rates for 3"),
        (RATE, [30, 33, 36, math.inf], "not finite"),
        ([0, 200, 400, 800], QUALITY, "not positive"),
    ],
)
def test_says_why_there_is_no_figure(rate: list[float], quality: list[float], reason: str) -> None:
    found = bd_rate(RATE, QUALITY, rate, quality)
    assert found.percent is None
    assert reason in found.reason
    assert str(found).startswith("n/a (")


def test_overlap() -> None:
    assert overlap([0, 10], [5, 15]) == pytest.approx(1 / 3)
    assert overlap([0, 1], [2, 3]) == 0


def test_resamples_are_paired_counts() -> None:
    counts = resamples(7, 50, seed=3)
    assert counts.shape == (50, 7)
    assert (counts.sum(axis=1) == 7).all()
    assert (counts == resamples(7, 50, seed=3)).all()
    assert (counts != resamples(7, 50, seed=4)).any()


def test_half_interval_of_a_normal_distribution() -> None:
    values = np.random.default_rng(0).normal(5, 2, 20000)
    assert half_interval(list(values)) == pytest.approx(1.96 * 2, rel=0.03)
    assert half_interval([1.0, None, None, None]) is None
    assert half_interval([]) is None
