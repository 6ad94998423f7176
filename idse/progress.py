"""How far a long run is, on standard error."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_LIVE, _QUIET = 0.5, 10.0
"""Seconds between updates on a terminal, and between lines anywhere else."""


class Progress:
    """Says how many steps are done and how long the rest may take.

    On a terminal one line is rewritten; a file gets a line at most every ten seconds, and the last.

    Args:
        what: What the steps are: "streams".
        total: How many there are.
        target: Where to say it; standard error by default.
    """

    def __init__(self, what: str, total: int, target: TextIO | None = None) -> None:
        self._what, self._total, self._target = what, total, target or sys.stderr
        self._began, self._said = time.monotonic(), float("-inf")
        self._length = 0

    def __call__(self, done: int, more: str = "") -> None:
        """Tell that `done` steps are done, and something more; says nothing if it has only just said something."""
        now, live, last = time.monotonic(), self._target.isatty(), done >= self._total
        if not last and now - self._said < (_LIVE if live else _QUIET):
            return
        self._said, spent = now, now - self._began
        left = spent / max(done, 1) * (self._total - done)
        line = f"{done}/{self._total} {self._what}, {spent:.0f} s, {left:.0f} s left{more}"
        if live:
            line, self._length = "\r" + line.ljust(self._length), len(line)
        print(line, end="" if live and not last else "\n", file=self._target, flush=True)
