"""Progress of a training: a bar with rate, distortion, task loss and remaining time, and TensorBoard events."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from torch import Tensor

from idse.progress import Progress as Lines

_EVERY = 10
"""Steps between two values for TensorBoard."""
_FRESH = 0.5
"""Seconds between two updates of the shown values."""
NAMES = ("loss", "rate", "mse", "task")
"""The values of a step, in this order."""

Value = float | Tensor


class Tracker:
    """Context manager that shows and writes the values of a training. Steps are counted from 1 over all epochs.

    Values may be tensors on a GPU: they are copied to the CPU only when they are shown or written.

    Args:
        steps: Number of steps of the whole training.
        done: Number of steps before the checkpoint that this process resumed from.
        events: Folder for TensorBoard; None: no events are written.
        shown: Whether to show progress. False for all ranks but 0: only the means are computed.
        target: Output stream; standard error by default.
    """

    def __init__(
        self,
        steps: int,
        done: int = 0,
        events: Path | None = None,
        shown: bool = True,
        target: TextIO | None = None,
    ) -> None:
        self._steps, self._done, self._shown = steps, done, shown
        self._target = target or sys.stderr
        self._sums: dict[str, Value] = {}
        self._count = 0
        self._words, self._told = "", -math.inf
        self._live = shown and self._target.isatty()
        self._writer = _writer(events, done, self._target) if shown and events is not None else None

    def __enter__(self) -> Tracker:
        if self._live:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
                TextColumn("{task.description}"),
                console=Console(file=self._target),
            )
            # The speed of a resumed training counts only its own steps.
            self._task = self._bar.add_task("", total=self._steps, completed=self._done)
            self._bar.start()
        else:
            self._lines = Lines("steps", self._steps - self._done, self._target)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._bar.stop()
        if self._writer is not None:
            self._writer.close()

    def step(self, step: int, loss: Value, rate: Value, mse: Value, task: Value = 0.0) -> None:
        """Record one step.

        Args:
            step: Its number, from 1, over all epochs.
            loss: The loss that is minimised.
            rate: Bits per luma sample.
            mse: Mean squared error of RGB in 0..1.
            task: Task loss; 0 without a task.
        """
        values = {
            name: v.detach() if isinstance(v, Tensor) else v
            for name, v in zip(NAMES, (loss, rate, mse, task), strict=True)
        }
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        if not self._shown:
            return
        if self._writer is not None and step % _EVERY == 0:
            for name, value in values.items():
                self._writer.add_scalar(f"train/{name}", float(value), step)
        now = time.monotonic()
        if now - self._told >= _FRESH:
            self._told, self._words = now, _words(values)
        if self._live:
            self._bar.update(self._task, completed=step, description=self._words)
        else:
            self._lines(step - self._done, f"; {self._words}")

    def means(self) -> dict[str, float]:
        """Means of `NAMES` since the last call; when called at the end of each epoch, the means of the epoch."""
        found = {name: float(value) / self._count for name, value in self._sums.items()}
        self._sums, self._count = {}, 0
        return found

    def epoch(self, step: int, validation: Mapping[str, float], weights: Mapping[str, float]) -> None:
        """Write an epoch's metrics for TensorBoard.

        Args:
            step: The epoch's last step.
            validation: Metrics of the held-out pictures; may be empty.
            weights: Weights of the loss, learning rate and similar values.
        """
        if self._writer is None:
            return
        for group, values in (("validation", validation), ("weights", weights)):
            for name, value in values.items():
                if math.isfinite(value):
                    self._writer.add_scalar(f"{group}/{name}", value, step)
        self._writer.flush()

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        if self._live:
            self._bar.console.print(text, highlight=False, markup=False)
        elif self._shown:
            print(text, file=self._target, flush=True)


def _words(values: Mapping[str, Value]) -> str:
    rate, mse, task = (float(values[name]) for name in ("rate", "mse", "task"))
    psnr = math.inf if mse <= 0 else -10 * math.log10(mse)
    return f"{rate:.3f} bpp, {psnr:.2f} dB" + (f", task {task:.4g}" if task else "")


def _writer(folder: Path, done: int, target: TextIO) -> Any:
    """TensorBoard's writer, or None if it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        print("note: no TensorBoard events are written: pip install tensorboard", file=target)
        return None
    return SummaryWriter(str(folder), purge_step=done + 1)
