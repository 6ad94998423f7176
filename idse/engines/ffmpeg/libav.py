"""FFmpeg's encoders through PyAV, opened without output on stderr and with errors as one-line messages."""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from idse.engines.base import Progress
from idse.engines.ffmpeg import open_encoder
from idse.errors import IdseError
from idse.media.frame import Frame

# SVT-AV1 writes to stderr; with this value it writes only fatal errors. A value that the user has set is kept.
os.environ.setdefault("SVT_LOG", "0")
# Without this handler Python writes FFmpeg's warnings to stderr while they are captured.
logging.getLogger("libav").addHandler(logging.NullHandler())

_log_lock = threading.Lock()
_UNKNOWN = re.compile(r"Unknown option|Invalid value|Error parsing option")
_RAW = re.compile(r"^(?:x26[45] \[error\]|Svt\[error\]): *(.*?)\s*$", re.MULTILINE)


def open_silently(codec: str, width: int, height: int, pix_fmt: str, options: dict[str, str]) -> Any:
    """Open an encoder; the arguments are those of `open_encoder.open_encoder`.

    Raises:
        IdseError: This PyAV has no such encoder, the encoder refuses the settings, or FFmpeg warns about an option.
    """
    failure: Exception | None = None
    context: Any = None
    with _log_lock:
        level, skip = av.logging.get_level(), av.logging.get_skip_repeated()
        av.logging.set_skip_repeated(False)
        av.logging.set_level(av.logging.WARNING)
        try:
            with av.logging.Capture(True) as heard:
                context = open_encoder.open_encoder(codec, width, height, pix_fmt, options)
        except (FFmpegError, ValueError) as error:
            failure = error
        finally:
            # The level is not reset to None: a thread that logs at this moment would fail inside PyAV.
            av.logging.set_level(av.logging.PANIC if level is None else level)
            av.logging.set_skip_repeated(skip)
    words = [text.strip().rstrip(".") for _, _, text in heard]
    for text in words:
        if _UNKNOWN.search(text):
            raise IdseError(f"{codec} refuses the parameters ({text}): use those in the library's documentation")
    if isinstance(failure, FFmpegError):
        loud = dict(options)
        if "x265-params" in loud:
            loud["x265-params"] += ":log-level=error"
        raw = _RAW.findall(stderr_of_opening(codec, width, height, pix_fmt, loud))
        reason = [*raw, *words[-1:], failure.strerror][0]
        raise IdseError(
            f"{codec} refuses to code {width}x{height} with these settings ({reason}): "
            "change the size, the preset or the parameters"
        )
    if failure is not None:
        raise IdseError(f"this PyAV has no encoder {codec}: install av from PyPI ('pip install av')")
    return context


def code_frames(
    context: Any, frames: Sequence[Frame], pix_fmt: str, progress: Progress | None = None, share: float = 1.0
) -> list[bytes]:
    """Code frames and return one packet for each, in their order.

    Args:
        context: The opened encoder.
        frames: Frames with the bit depth of `pix_fmt`.
        pix_fmt: FFmpeg's name of the sample format.
        progress: Called after each packet.
        share: Share of the whole work that is done after the last packet, 0..1.

    Raises:
        IdseError: The encoder fails, or does not give exactly one key frame for each frame.
    """
    packets: list[bytes] = []
    try:
        for packet in _packets(context, frames, pix_fmt):
            if not packet.is_keyframe or packet.pts != len(packets):
                raise IdseError(
                    f"{context.name} does not code all intra with these parameters: leave some of them out"
                )
            packets.append(bytes(packet))
            if progress is not None:
                progress(share * len(packets) / len(frames))
    except FFmpegError as error:
        raise IdseError(f"{context.name} failed ({error.strerror})") from None
    if len(packets) != len(frames):
        raise IdseError(
            f"{context.name} gives {len(packets)} pictures for {len(frames)} frames: change the parameters"
        )
    return packets


def stderr_of_opening(
    codec: str, width: int, height: int, pix_fmt: str, options: dict[str, str], svt_log: int = 1
) -> str:
    """Return what an encoder writes to stderr when it is opened; empty if that cannot be found out.

    The encoder is opened in a separate process, because the libraries write to the process's stderr directly.

    Args:
        codec: FFmpeg's name of the encoder; see `open_encoder.open_encoder` for this and the other arguments.
        width: Width of the picture.
        height: Height of the picture.
        pix_fmt: FFmpeg's name of the sample format.
        options: FFmpeg's options, including the library's own log level.
        svt_log: Log level of SVT-AV1: 1 for errors, 3 for everything.
    """
    job = {"codec": codec, "width": width, "height": height, "pix_fmt": pix_fmt, "options": options}
    try:
        done = subprocess.run(
            [sys.executable, str(Path(open_encoder.__file__))],
            input=json.dumps(job), env=os.environ | {"SVT_LOG": str(svt_log)},
            capture_output=True, text=True, errors="replace", timeout=30, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stderr


def join_parameters(parameters: dict[str, str]) -> str:
    """Join parameters to `key=value:key=value`, the form of `x265-params` and similar options of FFmpeg."""
    return ":".join(key + "=" + re.sub(r"([:=\\'])", r"\\\1", value) for key, value in parameters.items())


def drop_units(data: bytes, kinds: Iterable[int], shift: int, mask: int) -> bytes:
    """Return an Annex B access unit without the NAL units of some types.

    Args:
        data: The access unit with start codes.
        kinds: Values of nal_unit_type to leave out.
        shift: Number of bits to the right of the type in a NAL unit's first byte.
        mask: Mask of the type after the shift.
    """
    starts = [m.start() for m in re.finditer(rb"\x00?\x00\x00\x01", data)] + [len(data)]
    unwanted = set(kinds)
    kept = b"".join(
        unit
        for unit in (data[a:b] for a, b in itertools.pairwise(starts))
        if (unit[unit.index(1) + 1] >> shift) & mask not in unwanted
    )
    # An access unit must begin with the four-byte start code.
    return kept if kept.startswith(b"\x00\x00\x00\x01") else b"\x00" + kept


def _packets(context: Any, frames: Sequence[Frame], pix_fmt: str) -> Iterator[Any]:
    for number, frame in enumerate(frames):
        yield from context.encode(_picture(frame, pix_fmt, number))
    yield from context.encode(None)


def _picture(frame: Frame, pix_fmt: str, number: int) -> Any:
    picture = av.VideoFrame(frame.width, frame.height, pix_fmt)
    for target, plane in zip(picture.planes, frame.planes, strict=True):
        rows = np.zeros((target.height, target.line_size // plane.itemsize), plane.dtype.newbyteorder("<"))
        rows[:, : target.width] = plane
        target.update(rows.tobytes())
    picture.pts = number
    return picture
