import math

import pytest

from idse.metrics import matched_cost, pareto_front


@pytest.mark.parametrize(
    ("rates", "qualities", "front"),
    [
        ([], [], []),
        ([4, 1, 2], [40, 30, 35], [1, 2, 0]),  # all of them, by rising rate
        ([1, 2, 3, 4], [30, 33, 32, 36], [0, 1, 3]),  # 3 is dearer and worse than 2
        ([1, 2, 3], [30, 30, 31], [0, 2]),  # equal quality: the cheapest
        ([2, 2, 2, 1], [30, 32, 31, 20], [3, 1]),  # equal rate: the best
        ([5, 5, 5], [30, 30, 30], [0]),  # the same point thrice
        ([1, 2, 3], [35, 34, 33], [0]),  # one beats all
        ([1, 2, 3], [30, math.nan, math.inf], [0, 2]),
    ],
)
def test_front(rates: list[float], qualities: list[float], front: list[int]) -> None:
    assert pareto_front(rates, qualities) == front


def test_front_over_two_sizes() -> None:
    """At low rates the half size wins, above where the curves cross the full size."""
    full = [(100, 28), (200, 32), (400, 36), (800, 40)]
    half = [(60, 26.5), (120, 30), (240, 31.5), (480, 32.5)]
    points = full + half
    front = pareto_front([r for r, _ in points], [q for _, q in points])
    assert [points[i] for i in front] == [(60, 26.5), (100, 28), (120, 30), (200, 32), (400, 36), (800, 40)]


def test_front_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="2 rates for 1"):
        pareto_front([1, 2], [1])


# Four settings of tau: BD-rate on PSNR, and on features.
COSTS, GAINS = [1.0, 3.0, 9.0, 5.0], [-4.0, -10.0, -16.0, -12.0]


def test_gain_between_neighbours() -> None:
    found = matched_cost(COSTS, GAINS, 6)
    assert found.gain == pytest.approx(-12 - 4 * (6 - 5) / (9 - 5))
    assert found.between == (3, 2)
    assert matched_cost(COSTS, GAINS, 3).gain == -10
    assert matched_cost(COSTS, GAINS, 3).between == (1, 1)
    assert matched_cost(COSTS, [-g for g in GAINS], 2, lower_is_better=False).gain == pytest.approx(7)


def test_nothing_is_extrapolated() -> None:
    for at in (0.9, 9.1):
        found = matched_cost(COSTS, GAINS, at)
        assert (found.gain, found.reason) == (None, f"a cost of {at} lies outside that of the settings, 1 to 9")
    assert matched_cost([2.0], [-3.0], 2).gain == -3
    for costs, gains in (([], []), ([1.0, math.nan], [math.inf, -3.0])):
        assert matched_cost(costs, gains, 1).reason == "no setting has both a cost and a gain"
    with pytest.raises(ValueError, match="1 costs for 2"):
        matched_cost([1.0], [1.0, 2.0], 1)


def test_settings_that_another_beats_do_not_count() -> None:
    folded = matched_cost([1.0, 4.0, 3.0, 5.0, 8.0], [-4.0, -9.0, -10.0, -12.0, -11.0], 4)
    assert folded.gain == pytest.approx(-11)
    assert folded.between == (2, 3)
    assert matched_cost([1.0, 2.0, 2.0, 3.0], [-1.0, -2.0, -5.0, -6.0], 2).gain == -5
    beyond = matched_cost([1.0, 5.0, 8.0], [-4.0, -12.0, -11.0], 7)
    assert (beyond.gain, beyond.reason) == (None, "a cost above 5 gives no further gain")
