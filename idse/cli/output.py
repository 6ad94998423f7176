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

if TYPE_CHECKING:
    from idse.engines import EncodedStream
    from idse.importance.weight_map import WeightMap


class Bar:
    """A progress bar that appears on a terminal when something takes more than two seconds.

    Call an instance with the share done, 0..1. Between calls it still shows that work continues.
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
        """Show that `share` of the work is done."""
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
    """One line for the user that is no result."""
    print(text, file=sys.stderr)


def print_json(value: dict[str, Any]) -> None:
    """One JSON object a line."""
    print(json.dumps(value, default=str), flush=True)


def summary(
    stream: EncodedStream,
    weights: WeightMap | None = None,
    *,
    load_seconds: float = 0.0,
    map_seconds: float = 0.0,
) -> dict[str, Any]:
    """The figures of an encode, and the origin of its map, JSON-serialisable.

    Args:
        stream: What was coded.
        weights: With this map.
        load_seconds: Wall time of loading the detector.
        map_seconds: Wall time of the map.
    """
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
        "provenance": stream.provenance | {"map": weights.meta if weights else None},
    }


def last_line(figures: dict[str, Any]) -> str:
    """Bytes, bpp, PSNR and times of `summary`."""
    psnr = "lossless" if figures["psnr"] is None else f"{figures['psnr']:.2f} dB"
    return (
        f"{figures['bytes']} bytes  {figures['bpp']:.4f} bpp  PSNR {psnr}  "
        f"map {figures['map_seconds']:.2f} s  encode {figures['encode_seconds']:.2f} s"
    )


def _finite(value: float) -> float | None:
    """JSON knows no infinity: a lossless plane's PSNR is null."""
    return value if math.isfinite(value) else None
