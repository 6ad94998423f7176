"""The choice of a size, by toy detectors for which the best one is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from judges import coarse, fine, judge

from idse.engines import EncodeSettings
from idse.engines.native import NativeEngine
from idse.media.frame import Frame
from idse.media.scaling import coded_size, scaled
from idse.sizing.choice import FRAMES, SIZES, Trial, _best, _cost, _slope, choose_size, qp_at


def test_what_is_blind_to_detail_takes_a_small_picture(striped: Frame) -> None:
    choice = choose_size([striped], EncodeSettings(qp=40), judge(coarse))
    assert (choice.scale, choice.qp) == (50, 34)
    assert [t.scale for t in choice.trials] == list(SIZES)
    assert choice.trials[-1].cost < 0.8 * choice.trials[0].cost


def test_what_sees_only_detail_takes_the_whole_picture(striped: Frame) -> None:
    choice = choose_size([striped], EncodeSettings(qp=22), judge(fine))
    assert (choice.scale, choice.qp) == (100, 22)
    assert choice.trials[-1].cost > 1.5 * choice.trials[0].cost


def test_sizes_are_coded_at_the_slope_of_the_qp(striped: Frame) -> None:
    assert [qp_at(37, s) for s in SIZES] == [37, 36, 34, 31]
    assert (qp_at(3, 50), qp_at(63, 100)) == (0, 63)
    choice = choose_size([striped], EncodeSettings(qp=40), judge(coarse))
    assert choice.target_bytes is None
    for trial in choice.trials:
        small = scaled(striped, *coded_size(striped.width, striped.height, trial.scale))
        fast = EncodeSettings(qp=qp_at(40, trial.scale), preset=0)
        assert trial.bytes == NativeEngine().encode([small], None, fast).frames[0].bytes


def test_the_slope_of_costs_that_do_not_fall_with_bytes() -> None:
    assert _slope((1000, 2.0), (600, 2.4)) == pytest.approx(0.001)
    assert _slope((1000, 2.0), (600, 1.9)) == pytest.approx(0.002)  # as if the cost were inverse to the bytes
    assert _slope((1000, 2.0), (1000, 2.4)) == pytest.approx(0.002)
    assert _slope((600, float("inf")), (600, 1.0)) == 0


def test_a_target_in_bytes(striped: Frame) -> None:
    for settings in (EncodeSettings(target_bytes=1500), EncodeSettings(target_bpp=8 * 1500 / (192 * 128))):
        choice = choose_size([striped], settings, judge(coarse))
        assert (choice.scale, choice.qp, choice.target_bytes) == (50, None, 1500)
        assert all(t.bytes == pytest.approx(1500, rel=0.05) for t in choice.trials)


def test_a_video_has_one_size_from_some_of_its_frames(striped: Frame) -> None:
    seen: list[int] = []
    frames = [Frame(tuple(np.roll(p, i, axis=0) for p in striped.planes)) for i in range(2 * FRAMES)]

    def counted(source: Frame) -> Callable[[Frame], Sequence[float]]:
        seen.extend(i for i, f in enumerate(frames) if f is source)
        return judge(coarse)(source)

    shares: list[float] = []
    choice = choose_size(frames, EncodeSettings(target_bytes=900), counted, shares.append)
    assert choice.scale == 50
    assert seen == list(range(0, 2 * FRAMES, 2))
    assert choice.target_bytes == 900 * FRAMES
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_distances_of_several_targets_are_added_relative_to_the_full_size() -> None:
    assert _cost([2.0, 300.0], [1.0, 100.0]) == 5
    assert _cost([0.0], [0.0]) == 1
    assert _cost([1.0], [0.0]) == float("inf")


def test_sizes_that_take_too_many_bytes_do_not_count() -> None:
    trials = [Trial(100, 120, (1.0,), 0.1), Trial(70, 104, (1.0,), 0.7), Trial(50, 90, (1.0,), 0.9)]
    assert _best(trials, 100).scale == 70
    assert _best(trials, 10).scale == 50  # none fits: the fewest bytes
    assert _best([Trial(s, 1, (1.0,), 1.0) for s in SIZES], 1).scale == 100  # equal: the largest
