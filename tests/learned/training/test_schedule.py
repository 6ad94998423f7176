"""Loss weights by epoch: Le's against the paper's formula, phases against their words."""

from __future__ import annotations

import pytest

from idse.errors import IdseError
from idse.learned.training.schedule import LeSchedule, Phase, PhaseSchedule

# Le et al. 2020 with p = (50, 75, 120, 165): epoch, w_rate, w_task around every boundary, worked out from
# f(x, a) = 1e-3 a^(x-1).
LE = [
    (0, 0.0, 0.0),
    (49, 0.0, 0.0),
    (50, 0.0, 4e-3 / 1.01),
    (51, 0.0, 4e-3),
    (52, 0.0, 4e-3 * 1.01),
    (74, 0.0, 4e-3 * 1.01**23),
    (75, 2e-3 / 1.01, 4e-3 * 1.01**24),
    (76, 2e-3, 4e-3 * 1.01**25),
    (119, 2e-3 * 1.01**43, 4e-3 * 1.01**68),
    (120, 2e-3 / 1.01, 4e-3 * 1.01**69),
    (121, 2e-3, 4e-3 * 1.01**70),
    (164, 2e-3 * 1.01**43, 4e-3 * 1.01**113),
    (165, 2e-3 / 1.02, 4e-3 * 1.01**114),
    (166, 2e-3, 4e-3 * 1.01**115),
    (219, 2e-3 * 1.02**53, 4e-3 * 1.01**168),
]


@pytest.mark.parametrize(("epoch", "rate", "task"), LE)
def test_le_around_every_boundary(epoch: int, rate: float, task: float) -> None:
    found = LeSchedule().weights(epoch)
    assert [found.rate, found.mse, found.task] == pytest.approx([rate, 1.0, task], rel=1e-12, abs=0)
    assert found.lr is None


def f(x: int, a: float) -> float:
    return 0.001 * a ** (x - 1)


@pytest.mark.parametrize("p", [(50, 75, 120, 165), (4, 6, 10, 14), (0, 1, 2, 3)])
def test_le_everywhere(p: tuple[int, int, int, int]) -> None:
    schedule = LeSchedule(p, epochs=220)
    assert schedule.epochs == 220
    for e in range(220):
        rate = 0.0
        if p[1] <= e < p[2]:
            rate = 2 * f(e - p[1], 1.01)
        if p[2] <= e < p[3]:
            rate = 2 * f(e - p[2], 1.01)
        if p[3] <= e:
            rate = 2 * f(e - p[3], 1.02)
        task = 0.0 if e < p[0] else 4 * f(e - p[0], 1.01)
        found = schedule.weights(e)
        assert found.rate == pytest.approx(rate, rel=1e-12, abs=0), e
        assert found.task == pytest.approx(task, rel=1e-12, abs=0), e
        assert found.mse == 1, e


@pytest.mark.parametrize("p", [(50, 75, 120), (50, 50, 120, 165), (75, 50, 120, 165), (-1, 5, 6, 7)])
def test_le_needs_four_rising_epochs(p: tuple[int, ...]) -> None:
    with pytest.raises(IdseError, match="must be four epochs in ascending order"):
        LeSchedule(p)  # type: ignore[arg-type]


def test_phases_follow_each_other() -> None:
    schedule = PhaseSchedule(
        (Phase(2, rate=0.0), Phase(3, rate=0.1, mse=0.5, task=2.0, lr=1e-4), Phase(1, 0.4, 0))
    )
    assert schedule.epochs == 6
    found = [(w.rate, w.mse, w.task, w.lr) for w in map(schedule.weights, range(8))]
    first, second, last = (0.0, 1.0, 0.0, None), (0.1, 0.5, 2.0, 1e-4), (0.4, 0, 0.0, None)
    assert found == [first] * 2 + [second] * 3 + [last] * 3  # what comes after the end is as at the end


def test_learning_rate_falls_geometrically() -> None:
    schedule = PhaseSchedule((Phase(1, 0.0, lr=1e-2, lr_end=1e-5), Phase(3, 0.0, lr=1e-3, lr_end=1e-5)))
    assert [schedule.weights(e).lr for e in range(4)] == pytest.approx([1e-2, 1e-3, 1e-4, 1e-5])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epochs": 0, "rate": 1.0}, "epochs 0"),
        ({"epochs": 1.5, "rate": 1.0}, "epochs 1.5"),
        ({"epochs": 1, "rate": -1.0}, "rate -1.0: must be 0 or more"),
        ({"epochs": 1, "rate": float("nan")}, "rate nan"),
        ({"epochs": 1, "rate": 1.0, "task": float("inf")}, "task inf"),
        ({"epochs": 1, "rate": 1.0, "lr": 0.0}, "lr 0.0: must be above 0"),
        ({"epochs": 1, "rate": 1.0, "lr_end": 1e-5}, "lr_end without lr"),
        ({"epochs": 1, "rate": 1.0, "gain": 0.0}, "gain 0.0: must be above 0"),
        ({"epochs": 1, "rate": 1.0, "init_point": -1}, "init_point -1"),
    ],
)
def test_phases_are_checked(values: dict[str, float], words: str) -> None:
    with pytest.raises(IdseError, match=words):
        Phase(**values)  # type: ignore[arg-type]


def test_a_schedule_needs_a_phase() -> None:
    with pytest.raises(IdseError, match="at least one"):
        PhaseSchedule(())


def test_what_happens_at_a_phases_beginning() -> None:
    schedule = PhaseSchedule(
        (Phase(2, 0.1, init_point=3), Phase(3, 0.2, gain=0.5), Phase(1, 0.3, init_point=0))
    )
    assert [schedule.init_point(e) for e in range(8)] == [3, None, None, None, None, 0, None, None]
    assert [schedule.gain(e) for e in range(8)] == [1, 1, 0.5, 1, 1, 1, 1, 1]
    assert {(LeSchedule().init_point(e), LeSchedule().gain(e)) for e in range(220)} == {(None, 1.0)}
