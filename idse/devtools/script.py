"""How the scripts of long measurements end: by themselves, by a mistake, by Ctrl-C or a signal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from idse.errors import IdseError


def run_script(name: str, run: Callable[[], int], stopped: str = "stopped") -> int:
    """The exit status of `run`: its own, 2 with one line after an `IdseError`, 130 after Ctrl-C.

    Args:
        name: Of the script, for the lines on standard error.
        run: The work.
        stopped: What is said after Ctrl-C.
    """
    # As an exception SIGTERM ends the workers and their encoders, and removes what is temporary.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        return run()
    except IdseError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: {stopped}", file=sys.stderr)
        return 130
