"""Reading and writing picture files of all formats: `read_frames` and `write_frames`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from idse.errors import IdseError
from idse.media import raw, still, video, y4m
from idse.media.coded import SUFFIXES, decode_coded, stream_format_of
from idse.media.files import replacing
from idse.media.frame import ChromaFormat, Frame, Matrix

_MEMORY_LIMIT = 4 << 30  # bytes of samples read at once


@dataclass(frozen=True)
class InputOptions:
    """Properties that a file does not contain, or that override the file's; None: take them from the file.

    Attributes:
        size: Width and height of a raw file.
        bit_depth: Bit depth of a raw file, 8..16.
        chroma: Chroma format of a raw file or a picture: "420" or "400".
        frames: First frame, and the frame after the last (None: to the end).
        matrix: YCbCr matrix.
        full_range: Full or limited range.
    """

    size: tuple[int, int] | None = None
    bit_depth: int | None = None
    chroma: ChromaFormat | None = None
    frames: tuple[int, int | None] = (0, None)
    matrix: Matrix | None = None
    full_range: bool | None = None


def parse_frames(text: str) -> tuple[int, int | None]:
    """Read "5" (the first five), "2:7" (frames 2 to 6, counted from 0), "2:" or ":7".

    Raises:
        IdseError: The text has another form, or selects no frame.
    """
    match = re.fullmatch(r"(?:(\d{0,18}):)?(\d{0,18})", text.strip())
    if not match or not (match[1] or match[2]):
        raise IdseError(f"frames '{text}': must look like 5 (the first five) or 2:7 (frames 2 to 6)")
    first, last = int(match[1] or 0), int(match[2]) if match[2] else None
    if last is not None and last <= first:
        raise IdseError(f"frames '{text}': selects no frame")
    return first, last


def read_frames(path: Path, options: InputOptions | None = None, *, coded: bool = False) -> list[Frame]:
    """Read the selected frames of a file: raw `.yuv`, `.y4m`, a picture, or any file that PyAV decodes.

    Args:
        path: The file; its suffix determines the format.
        options: Properties that the file does not contain.
        coded: Read it as a stream of an engine, in the format of its suffix; with an unknown suffix as VVC.

    Raises:
        IdseError: The file is missing, damaged or cut short, or `options` lacks a property that it does not contain.
    """
    options = options or InputOptions()
    if path.is_dir():
        raise IdseError(f"{path}: is a folder; name a file")
    try:
        if not path.exists():
            raise IdseError(f"{path}: no such file")
        if path.stat().st_size == 0 and path.is_file():
            raise IdseError(f"{path}: the file is empty")
        frames = _limited(path, _open(path, options, coded))
    except OSError as error:
        raise IdseError(f"{path}: cannot be read ({error.strerror or error})") from None
    first, last = options.frames
    wanted = None if last is None else last - first
    if len(frames) < (wanted or 1):
        raise IdseError(
            f"{path}: frames {first}:{'' if last is None else last} requested, but the file ends before: see --frames"
        )
    return frames


def list_pictures(folder: Path) -> list[Path]:
    """The pictures in a folder, found by suffix and sorted by name.

    Raises:
        IdseError: There is no picture.
    """
    found = sorted(
        p for p in folder.iterdir() if p.suffix.lower() in still.SUFFIXES and not p.name.startswith(".")
    )
    if not found:
        raise IdseError(f"{folder}: contains no pictures ({', '.join(sorted(still.SUFFIXES))})")
    return found


def write_frames(path: Path, frames: Sequence[Frame]) -> None:
    """Write frames as `.yuv` or `.y4m` at their own bit depth, or one frame as an 8-bit picture.

    Raises:
        IdseError: The suffix is unknown, there are several frames for one picture, or the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix in still.SUFFIXES and len(frames) != 1:
        raise IdseError(
            f"{path}: a picture has one frame, but {len(frames)} were given: "
            "choose one with --frames 0:1, or write .y4m or .yuv"
        )
    check_output_suffix(path)
    with replacing(path) as temporary:
        if suffix in still.SUFFIXES:
            still.write_picture(temporary, frames[0])
            return
        with temporary.open("wb") as target:
            (y4m if suffix == ".y4m" else raw).write_frames(target, frames)


def check_output_suffix(path: Path) -> None:
    """Raise an `IdseError` unless `write_frames` knows the suffix."""
    if path.suffix.lower() not in still.SUFFIXES | {".yuv", ".y4m"}:
        raise IdseError(f"{path}: unknown kind of output '{path.suffix}': use .png, .jpg, .y4m or .yuv")


def _open(path: Path, options: InputOptions, coded: bool) -> Iterator[Frame]:
    first, last = options.frames
    suffix = path.suffix.lower()
    if coded or suffix in SUFFIXES["vvc"]:
        decoded = decode_coded(
            path.read_bytes(),
            stream_format_of(path) or "vvc",
            name=str(path),
            matrix=options.matrix,
            full_range=options.full_range,
        )
        return itertools.islice(decoded, first, last)
    if suffix == ".yuv":
        return _raw_frames(path, options)
    if suffix == ".y4m":
        return itertools.islice(_y4m_frames(path, options), first, last)
    if suffix in still.SUFFIXES:
        frame = still.read_picture(
            path,
            chroma_format=options.chroma,
            matrix=options.matrix or "bt601",
            full_range=options.full_range is not False,
        )
        return itertools.islice([frame], first, last)
    decoded_video = video.read_video(path, matrix=options.matrix, full_range=options.full_range)
    return itertools.islice(decoded_video, first, last)


def _raw_frames(path: Path, options: InputOptions) -> Iterator[Frame]:
    fmt = raw.guess_format(path, options.size, options.bit_depth, options.chroma)
    first, last = options.frames
    total = path.stat().st_size // fmt.frame_bytes
    if first >= total or (last is not None and last > total):
        raise IdseError(
            f"{path}: has {total} frames, frames {first}:{'' if last is None else last} asked for: "
            "choose others with --frames"
        )
    with path.open("rb") as source:
        source.seek(first * fmt.frame_bytes)
        for _ in range(first, total if last is None else last):
            yield raw.read_frame(source, fmt, options.matrix or "bt601", options.full_range is not False)


def _y4m_frames(path: Path, options: InputOptions) -> Iterator[Frame]:
    with path.open("rb") as source:
        fmt, said = y4m.read_header(source)
        full_range = options.full_range if options.full_range is not None else bool(said)
        while (frame := y4m.read_frame(source, fmt, options.matrix or "bt601", full_range)) is not None:
            yield frame


def _limited(path: Path, frames: Iterator[Frame]) -> list[Frame]:
    kept: list[Frame] = []
    size = 0
    for frame in frames:
        size += sum(p.nbytes for p in frame.planes)
        if size > _MEMORY_LIMIT:
            raise IdseError(
                f"{path}: more than {_MEMORY_LIMIT >> 30} GiB of samples at once: choose a part with --frames"
            )
        kept.append(frame)
    return kept
