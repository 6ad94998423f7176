"""Opens an encoder of FFmpeg. Run as a program, the library's output goes to stderr: see `libav.stderr_of_opening`.

It needs nothing of idse, so that it runs as a plain file.
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
    """An opened `av.VideoCodecContext` with one thread; parameter sets are in its `extradata`.

    Raises:
        FFmpegError: FFmpeg, or the library, refuses.
        ValueError: No such encoder.
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
    """Give this thread, and the threads that the block starts, the scheduling policy that this thread has now.

    As root, SVT-AV1 makes its threads and the calling one real-time (SCHED_FIFO, 99). The program, and every program
    it starts afterwards, would then starve the machine.
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
                with contextlib.suppress(OSError):  # it has ended
                    os.sched_setscheduler(thread, policy, parameters)


def _policies() -> dict[int, int]:
    """The scheduling policy of every thread of this process; a thread that ends meanwhile is left out."""
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
