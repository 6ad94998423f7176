"""Opens an encoder of FFmpeg. Run as a program it does that aloud: see `libav.spoken`.

It needs nothing of idse, so that it runs as a plain file.
"""

from __future__ import annotations

import json
import sys
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
    context.open()
    return context


if __name__ == "__main__":
    av.logging.restore_default_callback()
    try:
        open_encoder(**json.load(sys.stdin))
    except (FFmpegError, ValueError) as error:
        sys.exit(str(error))
