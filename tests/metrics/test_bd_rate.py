import math

import numpy as np
import pytest

from idse.metrics import bd_quality, bd_rate, half_interval, overlap, resamples

bjontegaard = pytest.importorskip("bjontegaard")

RATE = [100.0, 200.0, 400.0, 800.0]
QUALITY = [30.0, 33.0, 36.0, 39.0]

Points = list[tuple[float, float]]

# (rate, PSNR) of anchor and test in JCTVC-E137 (Geneva, March 2011) and their BD-rate in per cent, piecewise cubic, as
# Netflix/vmaf publishes them: python/test/bd_rate_calculator_test.py, BDrateCalculatorJCTVCTest; its notes say that it
# was validated against the spreadsheet of JCTVC-L1100. Android's BdRateCalculatorTests has them too ("JCTVCE137").
JCTVC: list[tuple[Points, Points, float]] = [
    (
        [(108048.8736, 43.6471), (61279.976, 40.3953), (33905.6656, 37.247), (18883.6928, 34.2911)],
        [(108061.2784, 43.6768), (61299.9936, 40.4232), (33928.7472, 37.2761), (18910.912, 34.3147)],
        -0.465215420752807,
    ),
    (
        [(40433.8848, 37.5761), (7622.7456, 35.3756), (2394.488, 33.8977), (1017.6184, 32.0603)],
        [(40370.12, 37.5982), (7587.0024, 35.4025), (2390.0944, 33.9194), (1017.0984, 32.0822)],
        -1.8779823450567612,
    ),
]

# The curves of VCEG-M33 as example.cpp of tbr/bjontegaard_cpp has them. Its -13.261773 % and 0.800713 dB are those of
# one cubic polynomial a curve, the method of 2001; between the same points the piecewise ones must come near.
M33 = (
    [(90.33, 27.95), (181.03, 31.17), (332.99, 34.44), (547.79, 38.11)],
    [(127.1719, 29.9286), (186.14, 32.4165), (307.2924, 34.7013), (481.5588, 37.4561)],
)


def columns(*curves: Points) -> list[list[float]]:
    return [list(column) for curve in curves for column in zip(*curve, strict=True)]


@pytest.mark.parametrize(("anchor", "test", "published"), JCTVC)
def test_numbers_of_jctvc(anchor: Points, test: Points, published: float) -> None:
    assert bd_rate(*columns(anchor, test)).percent == pytest.approx(published, abs=1e-9)


def test_numbers_of_vceg_m33() -> None:
    curves = columns(*M33)
    assert bjontegaard.bd_rate(*curves, method="cubic", min_overlap=0) == pytest.approx(-13.261773, abs=1e-6)
    assert bjontegaard.bd_psnr(*curves, method="cubic", min_overlap=0) == pytest.approx(0.800713, abs=1e-6)
    for method in ("pchip", "akima"):
        assert bd_rate(*curves, method=method).percent == pytest.approx(-13.26, abs=0.1)
        assert bd_quality(*curves, method=method).difference == pytest.approx(0.80, abs=0.02)


@pytest.mark.parametrize("method", ["pchip", "akima"])
def test_equals_the_package(method: str) -> None:
    rng = np.random.default_rng(4)
    seen = 0
    for points in (3, 4, 7):
        curves = []
        for _ in range(2):
            curves += [np.cumsum(rng.uniform(50, 400, points)), 28 + np.cumsum(rng.uniform(0.2, 3, points))]
        for ours, theirs in ((bd_rate, bjontegaard.bd_rate), (bd_quality, bjontegaard.bd_psnr)):
            value = next(iter(vars(ours(*curves, method=method, min_overlap=0)).values()))
            if value is not None:
                assert value == pytest.approx(theirs(*curves, method=method, min_overlap=0), rel=1e-12)
                seen += 1
    assert seen >= 4


def test_refuses_another_method() -> None:
    with pytest.raises(ValueError, match="'cubic' is not one of pchip, akima"):
        bd_rate(RATE, QUALITY, RATE, QUALITY, method="cubic")  # type: ignore[arg-type]


def test_difference_in_quality_at_equal_rate() -> None:
    found = bd_quality(RATE, QUALITY, RATE[::-1], [q + 0.5 for q in QUALITY][::-1])
    assert (found.difference, found.overlap) == (pytest.approx(0.5), 1)
    apart = bd_quality(RATE, QUALITY, [1e4 * r for r in RATE], QUALITY)
    assert apart.difference is None
    assert "overlap in only 0 %" in apart.reason


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
        (RATE, [30, 33, 32, 39], "test curve: quality does not rise"),
        (RATE, [30, 30, 32, 39], "test curve: quality does not rise"),
        (RATE[:2], QUALITY[:2], "test curve: only 2 points"),
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
