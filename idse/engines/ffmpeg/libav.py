"""FFmpeg's encoders through PyAV: opened without output on stderr, refusals as one line, frames in, packets out."""

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

# SVT-AV1 writes to stderr by itself; only what ends it is left. Who set the variable wants to read the rest.
os.environ.setdefault("SVT_LOG", "0")
# Without this handler Python writes FFmpeg's warnings to stderr while they are captured.
logging.getLogger("libav").addHandler(logging.NullHandler())

_log_lock = threading.Lock()
_UNKNOWN = re.compile(r"Unknown option|Invalid value|Error parsing option")
_RAW = re.compile(r"^(?:x26[45] \[error\]|Svt\[error\]): *(.*?)\s*$", re.MULTILINE)


def open_silently(codec: str, width: int, height: int, pix_fmt: str, options: dict[str, str]) -> Any:
    """An opened encoder; the arguments are those of `open_encoder.open_encoder`.

    Raises:
        IdseError: There is no such encoder here, or it refuses; also where FFmpeg would only warn of an option.
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
            # Not back to None: a thread that logs meanwhile would stumble over it inside PyAV.
            av.logging.set_level(av.logging.PANIC if level is None else level)
            av.logging.set_skip_repeated(skip)
    words = [text.strip().rstrip(".") for _, _, text in heard]
    for text in words:
        if _UNKNOWN.search(text):
            raise IdseError(f"{codec} refuses the parameters ({text}): see its own list of them")
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
    """Packets of frames, one each, in their order.

    Args:
        context: Opened.
        frames: Of the depth of `pix_fmt`.
        pix_fmt: FFmpeg's name of the sample format.
        progress: Called after each packet.
        share: What of the whole is done at the end.

    Raises:
        IdseError: The encoder fails, or gives other packets than one key frame for each frame.
    """
    packets: list[bytes] = []
    try:
        for packet in _packets(context, frames, pix_fmt):
            if not packet.is_keyframe or packet.pts != len(packets):
                raise IdseError(
                    f"{context.name} does not code all intra with these parameters: leave some out"
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
    """What an encoder writes to stderr on opening: in a process of its own, since the libraries write there past us.

    Args:
        codec: This and the others are those of `open_encoder.open_encoder`.
        width: Of the picture.
        height: Of the picture.
        pix_fmt: FFmpeg's name of the sample format.
        options: FFmpeg's, with the library's own log level.
        svt_log: SVT-AV1's level of talk: 1 errors, 3 all.
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
    """`key=value:key=value`, as FFmpeg's `x265-params` and the like take it."""
    return ":".join(key + "=" + re.sub(r"([:=\\'])", r"\\\1", value) for key, value in parameters.items())


def drop_units(data: bytes, kinds: Iterable[int], shift: int, mask: int) -> bytes:
    """An Annex B access unit without the NAL units of some types.

    Args:
        data: With start codes.
        kinds: nal_unit_types to leave out.
        shift: Of the type in a unit's first byte.
        mask: Of the type after the shift.
    """
    starts = [m.start() for m in re.finditer(rb"\x00?\x00\x00\x01", data)] + [len(data)]
    unwanted = set(kinds)
    kept = b"".join(
        unit
        for unit in (data[a:b] for a, b in itertools.pairwise(starts))
        if (unit[unit.index(1) + 1] >> shift) & mask not in unwanted
    )
    # An access unit begins with the long start code.
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
