"""Replaces itself by another program that ends with its parent process. It is run by its path and never imported.

`python launcher.py PARENT PROGRAM ARGUMENT...` is used instead of a `preexec_fn`, which may deadlock a process that has
threads, as one with torch does, and which copies the page tables of a large process.
"""

import contextlib
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2]
    with contextlib.suppress(OSError, AttributeError):  # not on Linux: only the parent ends the program
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent ended before it could be watched
            os._exit(1)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # VTM aborts on errors: write no core dumps
    try:
        os.execv(program, sys.argv[2:])
    except OSError as error:
        print(f"cannot run {program}: {error.strerror}", flush=True)
        os._exit(126)


_main()
