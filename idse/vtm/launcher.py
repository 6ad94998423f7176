"""Becomes another program that ends with the process that wanted it. Run by its path, never imported.

`python launcher.py PARENT PROGRAM ARGUMENT...`: this instead of a `preexec_fn`, which may deadlock a process that has
threads, as torch's have, and which copies the page tables of a large one.
"""

import contextlib
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2]
    with contextlib.suppress(OSError, AttributeError):  # no Linux: what the parent does must do
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it went before it could be watched
            os._exit(1)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # VTM's complaints abort it: no memory dump for each
    try:
        os.execv(program, sys.argv[2:])
    except OSError as error:
        print(f"cannot run {program}: {error.strerror}", flush=True)
        os._exit(126)


_main()
