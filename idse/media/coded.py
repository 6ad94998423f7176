"""Coded streams of all formats that idse writes: their file suffixes, and decoding with FFmpeg."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from idse.errors import IdseError
from idse.media.frame import Frame, Matrix
from idse.media.video import decode_vvc, to_frame

SUFFIXES: dict[str, tuple[str, ...]] = {
    "vvc": (".266", ".vvc", ".h266"),
    "hevc": (".hevc", ".h265", ".265"),
    "h264": (".h264", ".264", ".avc"),
    "av1": (".obu",),
    "jpeg": (".jpg", ".jpeg", ".mjpeg", ".mjpg"),
    "learned": (".idsl",),
}
"""File suffixes of each stream format; the usual one comes first."""

_DECODERS = {"hevc": "hevc", "h264": "h264", "av1": "libdav1d", "jpeg": "mjpeg"}


def decode_coded(
    data: bytes,
    stream_format: str,
    like: Frame | None = None,
    *,
    name: str = "stream",
    matrix: Matrix | None = None,
    full_range: bool | None = None,
) -> list[Frame]:
    """Decode a whole stream with FFmpeg, and verify the picture hashes that it contains (SEI of VVC and HEVC).

    Args:
        data: Annex B (vvc, hevc, h264), temporal units of OBUs (av1), or JPEG files one after another (jpeg).
        stream_format: One of `SUFFIXES`.
        like: The source: the frames get its matrix and range, and only luma if it is 4:0:0 (some encoders need, and
            some decoders add, grey chroma).
        name: Name of the stream for messages.
        matrix: Without `like`: overrides the stream's matrix; the default is BT.601.
        full_range: Without `like`: overrides the stream's range; the default is full range.

    Raises:
        IdseError: The format is unknown or a learned codec's, the stream is damaged or of another format, or FFmpeg has
            no decoder for it.
    """
    if stream_format not in SUFFIXES:
        raise IdseError(f"stream format '{stream_format}': must be one of {', '.join(SUFFIXES)}")
    if stream_format == "learned":
        raise IdseError(f"{name}: a learned codec's stream: give the codec file with --codec")
    if like is not None:
        matrix, full_range = like.matrix, like.full_range
    if stream_format == "vvc":
        frames = decode_vvc(data, name=name, matrix=matrix, full_range=full_range)
    else:
        frames = _decode(data, stream_format, name, matrix, full_range)
    if like is not None and like.chroma_format == "400":
        frames = [Frame(f.planes[:1], f.bit_depth, "400", f.matrix, f.full_range) for f in frames]
    return frames


def stream_format_of(path: Path) -> str | None:
    """The stream format of a file's suffix; None if it is not in `SUFFIXES`."""
    suffix = path.suffix.lower()
    return next((key for key, suffixes in SUFFIXES.items() if suffix in suffixes), None)


def _decode(
    data: bytes, stream_format: str, name: str, matrix: Matrix | None, full_range: bool | None
) -> list[Frame]:
    what = stream_format.upper()
    codec = _DECODERS[stream_format]
    try:
        decoder: Any = av.CodecContext.create(codec, "r")
    except (FFmpegError, ValueError):
        raise IdseError(f"this PyAV has no {what} decoder ({codec}): install av 15 or later") from None
    decoder.options = {"err_detect": "crccheck+explode"}
    decoder.thread_count = 1
    frames: list[Frame] = []
    try:
        # FFmpeg's AV1 parser does not split the data; dav1d accepts any number of temporal units at once.
        units = [av.Packet(data)] if stream_format == "av1" else [*decoder.parse(data), *decoder.parse(None)]
        for unit in [*units, None]:
            frames += [to_frame(picture, matrix, full_range, True) for picture in decoder.decode(unit)]
    except FFmpegError as error:
        raise IdseError(f"{name}: no {what} stream, or a damaged one ({error.strerror})") from None
    cut = not _is_complete(data, stream_format)
    if not frames or cut:
        raise IdseError(
            f"{name}: no {what} stream, or a damaged one ({'cut short' if cut else 'no picture in it'})"
        )
    return frames


def _is_complete(data: bytes, stream_format: str) -> bool:
    """Whether the last unit is complete; decoders do not report a cut JPEG (grey rest) or AV1 stream (ignored rest)."""
    if stream_format == "jpeg":
        return data.rstrip(b"\0").endswith(b"\xff\xd9")
    at = 0
    while stream_format == "av1" and at < len(data):
        has_extension, has_size = data[at] >> 2 & 1, data[at] >> 1 & 1
        if not has_size:
            return True  # it extends to the end of the stream
        at += 1 + has_extension
        length = shift = 0
        while True:  # leb128
            byte = data[at] if at < len(data) else 0
            length |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128 or shift > 56:
                break
        at += length
    return stream_format != "av1" or at == len(data)
