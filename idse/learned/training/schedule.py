"""Weights of the loss for each epoch: L = w_rate R + w_mse MSE + w_task L_task.

R is in bits per luma sample, MSE is that of RGB in 0..1. The published loss L = lambda 255^2 MSE + R corresponds to
w_mse = 1 and w_rate = 1 / (255^2 lambda).
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from idse.errors import IdseError


@dataclass(frozen=True)
class LossWeights:
    """The weights of one epoch.

    Attributes:
        rate: w_rate, weight of bits per luma sample.
        mse: w_mse.
        task: w_task.
        lr: Learning rate; None: that of the optimizer's settings.
    """

    rate: float
    mse: float
    task: float
    lr: float | None = None


class Schedule(Protocol):
    """Weights for each epoch.

    Attributes:
        epochs: Number of epochs.
    """

    @property
    def epochs(self) -> int: ...  # noqa: D102

    def weights(self, epoch: int) -> LossWeights:
        """Weights of an epoch; the first epoch is 0."""
        ...

    def init_point(self, epoch: int) -> int | None:
        """Point of the codec file whose weights are loaded before this epoch; None: none are loaded."""
        ...

    def gain(self, epoch: int) -> float:
        """Factor by which the latents are scaled before this epoch."""
        ...


@dataclass(frozen=True)
class Phase:
    """Some epochs with the same weights.

    Attributes:
        epochs: Number of epochs, at least 1.
        rate: w_rate.
        mse: w_mse.
        task: w_task.
        lr: Learning rate; None: that of the optimizer's settings.
        lr_end: Learning rate of the phase's last epoch; it changes geometrically from `lr`.
        init_point: At the phase's start the codec's weights are loaded from this point of the file `codec.init`; a mask
            and a task model keep the weights of the previous phase.
        gain: The latents are scaled by this factor at the phase's start, and nothing else changes. Below 1 the rate
            falls at once and need not be reduced by training.
    """

    epochs: int
    rate: float
    mse: float = 1.0
    task: float = 0.0
    lr: float | None = None
    lr_end: float | None = None
    init_point: int | None = None
    gain: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.epochs, bool) or not isinstance(self.epochs, int) or self.epochs < 1:
            raise IdseError(f"schedule: epochs {self.epochs}: must be a whole number, at least 1")
        for name in ("rate", "mse", "task"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise IdseError(f"schedule: {name} {getattr(self, name)}: must be 0 or more")
        for name in ("lr", "lr_end"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise IdseError(f"schedule: {name} {value}: must be above 0")
        point = self.init_point
        if point is not None and (isinstance(point, bool) or not isinstance(point, int) or point < 0):
            raise IdseError(f"schedule: init_point {point}: must be a whole number, 0 or more")
        if not 0 < self.gain < float("inf"):
            raise IdseError(f"schedule: gain {self.gain}: must be above 0")
        if self.lr_end is not None and self.lr is None:
            raise IdseError("schedule: lr_end without lr: give both")


@dataclass(frozen=True)
class PhaseSchedule:
    """Phases, one after the other.

    Args:
        phases: At least one.
    """

    phases: Sequence[Phase]

    def __post_init__(self) -> None:
        if not self.phases:
            raise IdseError("schedule: it has no phase: add at least one [[schedule.phases]]")

    @property
    def epochs(self) -> int:
        """Number of epochs of all phases together."""
        return sum(phase.epochs for phase in self.phases)

    def weights(self, epoch: int) -> LossWeights:
        """See `Schedule.weights`; after the last phase its weights are kept."""
        ends = list(itertools.accumulate(phase.epochs for phase in self.phases))
        at = min(bisect.bisect_right(ends, epoch), len(ends) - 1)
        phase = self.phases[at]
        lr = phase.lr
        if lr is not None and phase.lr_end is not None and phase.epochs > 1:
            share = min(epoch - (ends[at] - phase.epochs), phase.epochs - 1) / (phase.epochs - 1)
            lr *= (phase.lr_end / lr) ** share
        return LossWeights(phase.rate, phase.mse, phase.task, lr)

    def init_point(self, epoch: int) -> int | None:
        """See `Schedule.init_point`."""
        phase = self._beginning(epoch)
        return None if phase is None else phase.init_point

    def gain(self, epoch: int) -> float:
        """See `Schedule.gain`."""
        phase = self._beginning(epoch)
        return 1.0 if phase is None else phase.gain

    def _beginning(self, epoch: int) -> Phase | None:
        """The phase that begins at this epoch, or None."""
        starts = [0, *itertools.accumulate(phase.epochs for phase in self.phases)]
        return self.phases[starts.index(epoch)] if epoch in starts[:-1] else None


@dataclass(frozen=True)
class LeSchedule:
    """Schedule of Le 2020: first the MSE, then also the task, then also the rate, whose weight rises in three stages.

    With f(x, a) = 10^-3 a^(x-1): w_mse = 1; w_task = 4 f(e - p1, 1.01) from epoch p1; w_rate = 2 f(e - p2, 1.01) from
    p2, 2 f(e - p3, 1.01) from p3, 2 f(e - p4, 1.02) from p4. Before p1 and p2 these two weights are 0.

    Attributes:
        p: p1 < p2 < p3 < p4.
        epochs: Number of epochs.
    """

    p: tuple[int, int, int, int] = (50, 75, 120, 165)
    epochs: int = 220

    def __post_init__(self) -> None:
        if len(self.p) != 4 or not all(a < b for a, b in itertools.pairwise((-1, *self.p))):
            raise IdseError(f"schedule: p {list(self.p)}: must be four epochs in ascending order")
        if isinstance(self.epochs, bool) or not isinstance(self.epochs, int) or self.epochs < 1:
            raise IdseError(f"schedule: epochs {self.epochs}: must be a whole number, at least 1")

    def weights(self, epoch: int) -> LossWeights:
        """See `Schedule.weights`."""
        p1, p2, p3, p4 = self.p
        task = 4 * _growth(epoch - p1, 1.01) if epoch >= p1 else 0.0
        if epoch >= p4:
            rate = 2 * _growth(epoch - p4, 1.02)
        elif epoch >= p3:
            rate = 2 * _growth(epoch - p3, 1.01)
        else:
            rate = 2 * _growth(epoch - p2, 1.01) if epoch >= p2 else 0.0
        return LossWeights(rate, 1.0, task)

    def init_point(self, epoch: int) -> int | None:
        """See `Schedule.init_point`: always None."""
        return None

    def gain(self, epoch: int) -> float:
        """See `Schedule.gain`."""
        return 1.0


def _growth(x: int, a: float) -> float:
    """The paper's f(x, a)."""
    return 1e-3 * a ** (x - 1)
