"""YUV4MPEG2 files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from idse.errors import IdseError
from idse.media import raw
from idse.media.frame import Frame

_MAGIC = b"YUV4MPEG2"
_FRAME = b"FRAME"
_MOST = 99999  # samples a side, as in names of raw files


def read_header(source: BinaryIO) -> tuple[raw.RawFormat, bool | None]:
    """Read the header line: the format, and whether the range is full (None: not in the header).

    Raises:
        IdseError: Not a Y4M header, or a chroma format that is not supported.
    """
    line = source.readline(4096)
    words = line.decode("ascii", "replace").split()
    if not words or words[0] != _MAGIC.decode() or not line.endswith(b"\n"):
        raise IdseError(f"{source.name}: not a Y4M file (it must start with {_MAGIC.decode()})")
    fields = {w[0]: w[1:] for w in words[1:] if w[0] != "X"}
    extra = dict(w[1:].split("=", 1) for w in words[1:] if w[0] == "X" and "=" in w)
    try:
        width, height = int(fields["W"]), int(fields["H"])
    except (KeyError, ValueError):
        raise IdseError(f"{source.name}: the Y4M header lacks a width or height") from None
    if not (1 <= width <= _MOST and 1 <= height <= _MOST):
        raise IdseError(f"{source.name}: the Y4M header says {width}x{height}")
    if fields.get("I", "p") not in ("p", "?"):
        raise IdseError(f"{source.name}: interlaced video cannot be coded: deinterlace it first")
    chroma, depth = _chroma(fields.get("C", "420jpeg"), str(source.name))
    full = {"FULL": True, "LIMITED": False}.get(extra.get("COLORRANGE", "").upper())
    return raw.RawFormat(width, height, depth, chroma), full


def read_frame(source: BinaryIO, fmt: raw.RawFormat, matrix: str, full_range: bool) -> Frame | None:
    """Read the next frame; None at the end of the file."""
    line = source.readline(4096)
    if not line:
        return None
    if not line.startswith(_FRAME):
        raise IdseError(f"{source.name}: damaged Y4M file: a frame does not start with {_FRAME.decode()}")
    return raw.read_frame(source, fmt, matrix, full_range)


def write_frames(target: BinaryIO, frames: Iterable[Frame], rate: str = "30:1") -> None:
    """Write frames of one format."""
    for i, frame in enumerate(frames):
        if i == 0:
            deep = frame.bit_depth > 8
            if frame.chroma_format == "400":
                chroma = f"mono{frame.bit_depth}" if deep else "mono"
            else:
                chroma = f"420p{frame.bit_depth}" if deep else "420jpeg"
            colour = "FULL" if frame.full_range else "LIMITED"
            head = f"W{frame.width} H{frame.height} F{rate} Ip A1:1 C{chroma} XCOLORRANGE={colour}"
            target.write(f"{_MAGIC.decode()} {head}\n".encode())
        target.write(_FRAME + b"\n")
        raw.write_frames(target, [frame])


def _chroma(text: str, name: str) -> tuple[str, int]:
    """Chroma format and bit depth of the field C."""
    for prefix, chroma in (("420p", "420"), ("mono", "400")):
        if text.startswith(prefix) and text[len(prefix) :].isdigit():
            depth = int(text[len(prefix) :][:4])
            if not 8 <= depth <= 16:
                raise IdseError(f"{name}: the Y4M header says {depth} bit: must be 8..16")
            return chroma, depth
    if text in ("420", "420jpeg", "420mpeg2", "420paldv"):
        return "420", 8
    if text == "mono":
        return "400", 8
    raise IdseError(f"{name}: chroma format C{text} cannot be coded: convert the file to 4:2:0")
