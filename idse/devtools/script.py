"""Exit status of the scripts of long measurements: after their end, an error, Ctrl-C or a signal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from idse.errors import IdseError


def run_script(name: str, run: Callable[[], int], stopped: str = "stopped") -> int:
    """Return the exit status of `run`: its own, 2 with one line after an `IdseError`, 130 after Ctrl-C.

    Args:
        name: Name of the script, for the lines on standard error.
        run: The work.
        stopped: Message after Ctrl-C.
    """
    # SIGTERM becomes an exception, so that workers and their encoders end and temporary files are removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        return run()
    except IdseError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: {stopped}", file=sys.stderr)
        return 130
