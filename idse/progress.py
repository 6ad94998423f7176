"""Progress of a long run, printed on standard error."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_LIVE, _QUIET = 0.5, 10.0
"""Seconds between updates on a terminal, and between lines elsewhere."""


class Progress:
    """Prints how many steps are done and an estimate of the remaining time.

    On a terminal one line is rewritten. A file gets at most one line every ten seconds, and one at the end.

    Args:
        what: Name of the steps in the plural, such as "streams".
        total: Number of steps.
        target: File to print to; standard error by default.
    """

    def __init__(self, what: str, total: int, target: TextIO | None = None) -> None:
        self._what, self._total, self._target = what, total, target or sys.stderr
        self._began, self._said = time.monotonic(), float("-inf")
        self._length = 0

    def __call__(self, done: int, more: str = "") -> None:
        """Print that `done` steps are done, followed by `more`, unless the last output is too recent."""
        now, live, last = time.monotonic(), self._target.isatty(), done >= self._total
        if not last and now - self._said < (_LIVE if live else _QUIET):
            return
        self._said, spent = now, now - self._began
        left = spent / max(done, 1) * (self._total - done)
        line = f"{done}/{self._total} {self._what}, {spent:.0f} s, {left:.0f} s left{more}"
        if live:
            line, self._length = "\r" + line.ljust(self._length), len(line)
        print(line, end="" if live and not last else "\n", file=self._target, flush=True)
