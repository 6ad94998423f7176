"""Output of commands: progress and notes on standard error, results on standard output."""

from __future__ import annotations

import json
import math
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from idse.engines.settings import tuning_name

if TYPE_CHECKING:
    from idse.engines import EncodedStream
    from idse.importance.weight_map import WeightMap


class Bar:
    """A progress bar that appears on a terminal if the work takes more than `patience` seconds.

    Call an instance with the completed share, 0..1. Between calls the bar keeps moving, to show that work continues.
    """

    def __init__(self, words: str, console: Console | None = None, patience: float = 2.0) -> None:
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task(words, total=1.0)
        self._timer = threading.Timer(patience, self._progress.start)
        self._timer.daemon = True

    def __enter__(self) -> Bar:
        if self._console.is_terminal:
            self._timer.start()
        return self

    def __call__(self, share: float) -> None:
        """Show the completed share of the work, 0..1."""
        self._progress.update(self._task, completed=share)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._timer.ident is not None:
            self._timer.join()
        if self._progress.live.is_started:
            self._progress.stop()


def note(text: str) -> None:
    """Print one line for the user on standard error; it is not part of the result."""
    print(text, file=sys.stderr)


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object on one line."""
    print(json.dumps(value, default=str), flush=True)


def summary(
    stream: EncodedStream,
    weights: WeightMap | None = None,
    *,
    load_seconds: float = 0.0,
    map_seconds: float = 0.0,
) -> dict[str, Any]:
    """Return the figures of an encode and the origin of its map, as values for JSON.

    Args:
        stream: The coded stream.
        weights: The weight map it was coded with.
        load_seconds: Wall time of loading the detector.
        map_seconds: Wall time of making the map.
    """
    profile = weights.meta.get("profile") if weights is not None and weights.profiles is not None else None
    settings = stream.provenance.get("settings", {})
    acts = weights is not None and weights.profiles is not None and settings.get("frequency_scope") != 0
    gamma = settings.get("gamma") if acts else None
    return {
        "bytes": len(stream.data),
        "bpp": stream.bpp,
        "psnr": _finite(stream.psnr),
        "frames": [
            {
                "bytes": f.bytes,
                "qp": f.qp,
                "cb_qp_offset": f.cb_qp_offset,
                "cr_qp_offset": f.cr_qp_offset,
                "psnr": [_finite(p) for p in f.psnr],
            }
            for f in stream.frames
        ],
        "load_seconds": load_seconds,
        "map_seconds": map_seconds,
        "encode_seconds": stream.seconds,
        "profile": profile,
        "gamma": gamma,
        "tuning": None if gamma is None else tuning_name(gamma),
        "provenance": stream.provenance | {"map": weights.meta if weights else None},
    }


def last_line(figures: dict[str, Any]) -> str:
    """Return the bytes, bpp, PSNR and times of a `summary` as one line."""
    psnr = "lossless" if figures["psnr"] is None else f"{figures['psnr']:.2f} dB"
    return (
        f"{figures['bytes']} bytes  {figures['bpp']:.4f} bpp  PSNR {psnr}  "
        f"map {figures['map_seconds']:.2f} s  encode {figures['encode_seconds']:.2f} s"
    )


def _finite(value: float) -> float | None:
    """Return None for infinity, which JSON does not have: the PSNR of a lossless plane is null."""
    return value if math.isfinite(value) else None
