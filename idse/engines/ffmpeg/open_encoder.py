"""Opens an encoder of FFmpeg. If it runs as a program, the library writes to stderr: see `libav.stderr_of_opening`.

It imports nothing from idse, so that it can be run as a file.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.codec.context import Flags
from av.error import FFmpegError


def open_encoder(codec: str, width: int, height: int, pix_fmt: str, options: dict[str, str]) -> Any:
    """Return an opened `av.VideoCodecContext` with one thread and the parameter sets in its `extradata`.

    Raises:
        FFmpegError: FFmpeg or the library refuses the arguments.
        ValueError: There is no such encoder.
    """
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = width, height, pix_fmt
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25, 1)
    context.thread_count = 1
    context.gop_size = 1
    context.flags |= Flags.global_header.value
    context.options = options
    with _same_scheduling():
        context.open()
    return context


@contextlib.contextmanager
def _same_scheduling() -> Iterator[None]:
    """Restore the scheduling policy of this thread after the block, and give it to the threads that the block starts.

    When run as root, SVT-AV1 gives its threads and the calling thread real-time priority (SCHED_FIFO, 99). This
    program, and every program that it starts afterwards, would then take all CPU time of the machine.
    """
    if not hasattr(os, "sched_setscheduler") or not os.path.isdir("/proc/self/task"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    before = _policies()
    try:
        yield
    finally:
        for thread, now in _policies().items():
            if now != before.get(thread, policy):
                with contextlib.suppress(OSError):  # the thread has ended
                    os.sched_setscheduler(thread, policy, parameters)


def _policies() -> dict[int, int]:
    """Return the scheduling policy of every thread of this process; a thread that ends during the call is left out."""
    found = {}
    for thread in map(int, os.listdir("/proc/self/task")):
        with contextlib.suppress(OSError):
            found[thread] = os.sched_getscheduler(thread)
    return found


if __name__ == "__main__":
    av.logging.restore_default_callback()
    try:
        open_encoder(**json.load(sys.stdin))
    except (FFmpegError, ValueError) as error:
        sys.exit(str(error))
