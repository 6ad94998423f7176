"""The embedded network's mean profile for pictures of other sizes than those that it is of."""

from __future__ import annotations

import numpy as np

from idse.importance.maker import ImportanceSettings, MapMaker
from idse.importance.profile import MEASURED_SIDE, at_size, lowpass, with_mean_one
from idse.media.frame import probe_frame


def test_the_measured_size_gives_the_table_itself() -> None:
    table = lowpass()
    np.testing.assert_array_equal(at_size(table, MEASURED_SIDE), table)


def test_a_picture_twice_as_large_has_the_same_detail_at_half_the_frequency() -> None:
    steps = np.arange(8)
    table = with_mean_one(100.0 - 6 * steps[:, None] - 3 * steps)  # linear: interpolation is exact
    large = at_size(table, 2 * MEASURED_SIDE)
    wanted = 100.0 - 12 * steps[:, None] - 6 * steps
    inside = steps <= 3
    ratio = (large / table[0, 0]) / (wanted / wanted[0, 0])
    assert np.ptp(ratio[np.ix_(inside, inside)]) < 1e-5
    # Beyond the table's end everything weighs as little as its least entry.
    least = large[7, 0]
    assert (large[4:] == least).all() and (large[:, 4:] == least).all() and least < large[3, 3]


def test_a_picture_half_as_large_has_the_same_detail_at_twice_the_frequency() -> None:
    steps = np.arange(8)
    table = with_mean_one(100.0 - 6 * steps[:, None] - 3 * steps)
    small = at_size(table, MEASURED_SIDE // 2)
    assert np.isclose(small[4, 2] / small[0, 0], table[2, 1] / table[0, 0], rtol=1e-5)


def test_maps_take_it_by_their_longer_side() -> None:
    maker = MapMaker(ImportanceSettings(method="none", profile="embedded"))
    of_side = {side: maker([probe_frame(64, side)]) for side in (MEASURED_SIDE, 2 * MEASURED_SIDE)}
    measured, large = (of_side[side] for side in (MEASURED_SIDE, 2 * MEASURED_SIDE))
    assert measured is not None and measured.profiles is not None
    assert large is not None and large.profiles is not None
    np.testing.assert_array_equal(large.profiles[0], at_size(measured.profiles[0], 2 * MEASURED_SIDE))
    assert large.profiles[0, 0, 4:, 4:].max() < measured.profiles[0, 0, 4:, 4:].min() * 4
