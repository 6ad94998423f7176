"""Planar YUV files without a header: the format from file name and size, and the samples."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from idse.errors import IdseError
from idse.media.frame import Frame, plane_shapes

_BOUND = r"(?:^|[_\-. ])"
_END = r"(?=[_\-. @]|$)"
_SIZE = re.compile(_BOUND + r"(\d{1,5})[xX](\d{1,5})" + _END)
_DEPTH = re.compile(_BOUND + r"(\d{1,2})[ \-]?(?:bits?|bpp|b)" + _END)
_PIXEL_DEPTH = re.compile(r"(?:4[0-4][0-4]p|gr[ae]y)(\d{1,2})(?:le)?" + _END)  # yuv420p10le
_CHROMA = re.compile(r"(?:" + _BOUND + r"|yuv)(400|411|420|422|440|444)(?=p|[_\-. @]|$)")
_GRAY = re.compile(_BOUND + r"(?:gr[ae]y|luma|mono)(?=\d|[_\-. ]|$)")

_PART = 1 << 24
"""Bytes read at once."""


@dataclass(frozen=True)
class RawFormat:
    """Format of a raw file: planar, frame after frame, two bytes little-endian above 8 bit."""

    width: int
    height: int
    bit_depth: int
    chroma_format: str

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        samples = sum(h * w for h, w in plane_shapes(self.width, self.height, self.chroma_format))
        return samples * (1 if self.bit_depth == 8 else 2)


def parse_size(text: str) -> tuple[int, int]:
    """Read "1920x1080".

    Raises:
        IdseError: The text has another form, or a side is 0.
    """
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text.strip())
    if not match or "0" in (match[1].lstrip("0") or "0", match[2].lstrip("0") or "0"):
        raise IdseError(f"size '{text}': must look like 1920x1080")
    return int(match[1]), int(match[2])


def guess_format(
    path: Path,
    size: tuple[int, int] | None = None,
    bit_depth: int | None = None,
    chroma: str | None = None,
) -> RawFormat:
    """Find the format from the arguments, else the file's name (`_1920x1080_`, `_8bit`, `_420`), else its length.

    The length decides only if a single format fits.

    Raises:
        IdseError: A property stays unknown (the message names the option), or the file's length does not fit.
    """
    name = path.stem
    if size is None:
        match = _SIZE.search(name)
        if not match:
            raise IdseError(
                f"{path}: a raw file has no header, and its name contains no size: give --size WIDTHxHEIGHT"
            )
        size = int(match[1]), int(match[2])
    if bit_depth is None and (match := _DEPTH.search(name) or _PIXEL_DEPTH.search(name)):
        bit_depth = int(match[1])
    if chroma is None:
        match = _CHROMA.search(name)
        chroma = match[1] if match else "400" if _GRAY.search(name) else None
    if chroma not in (None, "400", "420"):
        raise IdseError(f"{path}: chroma format {chroma} cannot be coded: convert the file to 4:2:0 or 4:0:0")
    if bit_depth is not None and not 8 <= bit_depth <= 16:
        raise IdseError(f"{path}: bit depth {bit_depth}: must be 8..16 (--bit-depth)")
    if min(size) < 1:
        raise IdseError(f"{path}: size {size[0]}x{size[1]}: both sides must be at least 1")

    length = path.stat().st_size
    if length == 0:
        raise IdseError(f"{path}: the file is empty")
    candidates = [
        RawFormat(*size, depth, fmt)
        for depth in ([bit_depth] if bit_depth else [8, 16])
        for fmt in ([chroma] if chroma else ["400", "420"])
    ]
    fitting = [c for c in candidates if length % c.frame_bytes == 0]
    if not fitting:
        likely = candidates[-1] if bit_depth else candidates[(len(candidates) - 1) // 2]
        raise IdseError(
            f"{path}: {length} bytes are not a whole number of {size[0]}x{size[1]} frames "
            f"({likely.frame_bytes} bytes each at {likely.bit_depth} bit {likely.chroma_format}): "
            "the file is cut short, or --size, --bit-depth or --chroma is wrong"
        )
    if len(fitting) > 1 or (bit_depth is None and fitting[0].bit_depth == 16):
        unknown = [o for o, v in (("--bit-depth", bit_depth), ("--chroma", chroma)) if v is None]
        raise IdseError(
            f"{path}: the sample format does not follow from its name or length: give {' and '.join(unknown)}"
        )
    return fitting[0]


def read_frame(source: BinaryIO, fmt: RawFormat, matrix: str, full_range: bool) -> Frame:
    """Read the next frame.

    Raises:
        IdseError: The file ends within the frame, or a sample exceeds the bit depth.
    """
    dtype = np.dtype(np.uint8 if fmt.bit_depth == 8 else "<u2")
    planes = []
    for shape in plane_shapes(fmt.width, fmt.height, fmt.chroma_format):
        data = _read(source, shape[0] * shape[1] * dtype.itemsize)
        if len(data) != shape[0] * shape[1] * dtype.itemsize:
            raise IdseError(f"{source.name}: the file ends in the middle of a frame")
        plane = np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
        if fmt.bit_depth > 8 and int(plane.max()) >> fmt.bit_depth:
            raise IdseError(
                f"{source.name}: a sample of {plane.max()} is too large for {fmt.bit_depth} bit: check --bit-depth"
            )
        planes.append(plane)
    return Frame(tuple(planes), fmt.bit_depth, fmt.chroma_format, matrix, full_range)  # type: ignore[arg-type]


def _read(source: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, or fewer at the end of the file; the memory is limited by the file's length."""
    parts = []
    while size > 0 and (part := source.read(min(size, _PART))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts) if len(parts) != 1 else parts[0]


def write_frames(target: BinaryIO, frames: Iterable[Frame]) -> None:
    """Write frames as planar YUV at their own depth, two bytes little-endian above 8 bit."""
    for frame in frames:
        for plane in frame.planes:
            target.write(np.ascontiguousarray(plane, dtype="u1" if frame.bit_depth == 8 else "<u2").tobytes())
