"""Weights of the loss by epoch: L = w_rate R + w_mse MSE + w_task L_task.

R is in bits per luma sample, MSE that of RGB in 0..1. The published lambda of L = lambda 255^2 MSE + R is the same
trade as w_mse = 1 and w_rate = 1 / (255^2 lambda).
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
    """Of one epoch.

    Attributes:
        rate: w_rate, of bits per luma sample.
        mse: w_mse.
        task: w_task.
        lr: Learning rate; None: the optimizer's own.
    """

    rate: float
    mse: float
    task: float
    lr: float | None = None


class Schedule(Protocol):
    """Weights by epoch.

    Attributes:
        epochs: How many there are.
    """

    @property
    def epochs(self) -> int: ...  # noqa: D102

    def weights(self, epoch: int) -> LossWeights:
        """Of an epoch, 0 the first."""
        ...

    def init_point(self, epoch: int) -> int | None:
        """The point of the codec's file that the codec's weights are taken from anew before this epoch."""
        ...

    def gain(self, epoch: int) -> float:
        """What latents are multiplied by before this epoch."""
        ...


@dataclass(frozen=True)
class Phase:
    """Some epochs with the same weights.

    Attributes:
        epochs: How many, at least 1.
        rate: w_rate.
        mse: w_mse.
        task: w_task.
        lr: Learning rate; None: the optimizer's own.
        lr_end: It falls (or rises) geometrically to this by the phase's last epoch.
        init_point: The phase begins with the codec's weights of this point of the file that `codec.init` names; a mask
            and a task model go on from the phase before.
        gain: Latents are multiplied by it at the phase's beginning, with nothing else changed: below 1 the rate falls
            at once, and need not be trained down.
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
    """One phase after the other.

    Args:
        phases: At least one.
    """

    phases: Sequence[Phase]

    def __post_init__(self) -> None:
        if not self.phases:
            raise IdseError("schedule: needs at least one of [[schedule.phases]]")

    @property
    def epochs(self) -> int:
        """All phases together."""
        return sum(phase.epochs for phase in self.phases)

    def weights(self, epoch: int) -> LossWeights:
        """See `Schedule.weights`; after the last phase its weights stay."""
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
        """The phase whose first epoch this is."""
        starts = [0, *itertools.accumulate(phase.epochs for phase in self.phases)]
        return self.phases[starts.index(epoch)] if epoch in starts[:-1] else None


@dataclass(frozen=True)
class LeSchedule:
    """Le 2020: first the picture, then the task, then less and less rate, in three runs.

    With f(x, a) = 10^-3 a^(x-1): w_mse = 1; w_task = 4 f(e - p1, 1.01) from epoch p1; w_rate = 2 f(e - p2, 1.01) from
    p2, 2 f(e - p3, 1.01) from p3, 2 f(e - p4, 1.02) from p4; before, they are 0.

    Attributes:
        p: p1 < p2 < p3 < p4.
        epochs: How many are trained.
    """

    p: tuple[int, int, int, int] = (50, 75, 120, 165)
    epochs: int = 220

    def __post_init__(self) -> None:
        if len(self.p) != 4 or not all(a < b for a, b in itertools.pairwise((-1, *self.p))):
            raise IdseError(f"schedule: p {list(self.p)}: must be four rising epochs")
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
        """See `Schedule.init_point`: none, it is one training from end to end."""
        return None

    def gain(self, epoch: int) -> float:
        """See `Schedule.gain`."""
        return 1.0


def _growth(x: int, a: float) -> float:
    """f(x, a) of the paper."""
    return 1e-3 * a ** (x - 1)
