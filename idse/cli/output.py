"""What commands say: progress and notes on standard error, results on standard output."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

_PATIENCE = 2.0  # seconds of silence before a bar appears


class Bar:
    """A progress bar that appears on a terminal when something takes more than two seconds.

    An instance is called with the share done, 0..1.
    """

    def __init__(self, words: str) -> None:
        self._words = words
        self._began = time.monotonic()
        self._progress: Progress | None = None

    def __enter__(self) -> Bar:
        return self

    def __call__(self, share: float) -> None:
        """Show that `share` of the work is done."""
        if self._progress is None:
            if not sys.stderr.isatty() or time.monotonic() - self._began < _PATIENCE:
                return
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._progress.start()
            self._progress.add_task(self._words, total=1.0)
        self._progress.update(self._progress.task_ids[0], completed=share)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()


def note(text: str) -> None:
    """One line for the user that is no result."""
    print(text, file=sys.stderr)


def print_json(value: dict[str, Any]) -> None:
    """One JSON object a line."""
    print(json.dumps(value, default=str), flush=True)


def last_line(figures: dict[str, Any]) -> str:
    """Bytes, bpp, PSNR and times of `pipeline.summary`."""
    psnr = "lossless" if figures["psnr"] is None else f"{figures['psnr']:.2f} dB"
    return (
        f"{figures['bytes']} bytes  {figures['bpp']:.4f} bpp  PSNR {psnr}  "
        f"map {figures['map_seconds']:.2f} s  encode {figures['encode_seconds']:.2f} s"
    )
