"""Sizes of pictures and numbers of frames, read from the headers of files."""

from __future__ import annotations

import struct
from pathlib import Path

import av
from av.error import FFmpegError
from PIL import Image

from idse.errors import IdseError
from idse.media import raw, y4m
from idse.media.io import InputOptions
from idse.media.video import one_thread
from idse.media.vvc_stream import parse_stream

VVC_SUFFIXES = frozenset({".266", ".vvc", ".h266"})
_TURNED = range(5, 9)  # EXIF orientations that exchange width and height
_ORIENTATION = 0x0112


def picture_header(path: Path) -> tuple[int, int, str, int]:
    """Width, height, Pillow's mode and EXIF orientation (1: none) of a picture, without decoding it.

    Width and height are those after the rotation that the orientation asks for, as `read_picture` gives them.

    Raises:
        IdseError: The file is not a picture.
    """
    try:
        with Image.open(path) as opened:
            # Pillow's own PNG class decodes the whole picture for this, in case it comes last.
            orientation = Image.Image.getexif(opened).get(_ORIENTATION, 1)
            width, height = opened.size
            mode = opened.mode
    except Image.DecompressionBombError as error:
        raise IdseError(f"{path}: the picture is too large to decode ({error}): scale it down") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error):
        raise IdseError(f"{path}: not a picture that can be read, or damaged: replace or remove it") from None
    if orientation in _TURNED:
        width, height = height, width
    return width, height, mode, orientation


def count_frames(path: Path, options: InputOptions) -> int:
    """The number of frames that `read_frames` gives. A video without a count in its header is decoded to find it.

    Raises:
        IdseError: The file is damaged, or does not have all of the chosen frames.
    """
    first, last = options.frames
    try:
        if path.stat().st_size == 0:
            raise IdseError(f"{path}: the file is empty")
        total = _total(path, options)
    except OSError as error:
        raise IdseError(f"{path}: cannot be read ({error.strerror or error})") from None
    if total <= first or (last is not None and total < last):
        raise IdseError(
            f"{path}: has {total} frames, but frames {first}:{'' if last is None else last} are wanted: choose others"
        )
    return (total if last is None else last) - first


def _total(path: Path, options: InputOptions) -> int:
    suffix = path.suffix.lower()
    if suffix == ".yuv":
        size = path.stat().st_size
        return size // raw.guess_format(path, options.size, options.bit_depth, options.chroma).frame_bytes
    if suffix == ".y4m":
        return _y4m_frames(path)
    if suffix in VVC_SUFFIXES:
        return parse_stream(path.read_bytes(), str(path)).frames
    return _video_frames(path, options.frames[1])


def _y4m_frames(path: Path) -> int:
    end = path.stat().st_size
    count = 0
    with path.open("rb") as source:
        fmt, _ = y4m.read_header(source)
        while source.tell() < end:
            line = source.readline(4096)
            if not line.startswith(b"FRAME") or source.tell() + fmt.frame_bytes > end:
                raise IdseError(f"{path}: damaged or cut short in frame {count}: write the file again")
            source.seek(fmt.frame_bytes, 1)
            count += 1
    return count


def _video_frames(path: Path, last: int | None) -> int:
    """The number of frames of a video; if it must be decoded, frames after `last` are not counted."""
    try:
        with av.open(str(path)) as container:
            if (
                not container.streams.video or container.format.name == "tty"
            ):  # FFmpeg renders any text file as a video
                raise IdseError(f"{path}: not a video that can be read")
            if promised := container.streams.video[0].frames:
                return int(promised)
            one_thread(container.streams.video[0].codec_context)
            count = 0
            for _ in container.decode(video=0):
                count += 1
                if count == last:
                    break
            return count
    except FFmpegError as error:
        raise IdseError(f"{path}: not a video that can be read ({error.strerror})") from None
