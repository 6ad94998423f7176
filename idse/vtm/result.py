"""Makes the parts of an `EncodedStream` from the files that VTM wrote, and reports incomplete files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from idse.engines.base import FrameStats
from idse.engines.psnr import frame_psnr
from idse.engines.settings import EncodeSettings
from idse.errors import IdseError
from idse.media import raw
from idse.media.frame import Frame
from idse.vtm.command import Files
from idse.vtm.log import Log

_SLICES = range(11)  # NAL unit types with slices, the same in every version
_PARAMETERS = range(13, 17)  # DCI, VPS, SPS, PPS
_PREFIX_TYPES = (
    *_PARAMETERS,
    17,
    19,
    20,
    23,
)  # types that begin a picture: parameter sets, APS, header, delimiter, SEI


@dataclass(frozen=True)
class Result:
    """The results of one run of VTM."""

    data: bytes
    recon: list[Frame]
    frames: list[FrameStats]


def read_result(files: Files, frames: Sequence[Frame], settings: EncodeSettings, log: Log) -> Result:
    """Read VTM's files back.

    Raises:
        IdseError: A file is incomplete.
    """
    first = frames[0]
    fmt = raw.RawFormat(first.width, first.height, 10, first.chroma_format)
    _check_size(files.recon, fmt.frame_bytes * len(frames), "reconstruction")
    recon = []
    with files.recon.open("rb") as source:
        for frame in frames:
            recon.append(raw.read_frame(source, fmt, frame.matrix, frame.full_range))
    data = files.stream.read_bytes() if files.stream.is_file() else b""
    sizes = picture_bytes(data)
    if len(sizes) != len(frames) or len(log.pictures) != len(frames):
        raise IdseError(
            f"VTM coded {len(sizes)} pictures and reported {len(log.pictures)}, {len(frames)} were given: "
            f"{_full_disk(files.stream)}, or one of your arguments changes how many are coded or reported"
        )
    stats: dict[int, FrameStats] = {}
    for number, (size, picture) in enumerate(zip(sizes, log.pictures, strict=True)):
        if not 0 <= picture.poc < len(frames) or picture.poc in stats:
            raise IdseError(f"VTM reported picture {picture.poc} of {len(frames)}: please report it")
        cb, cr = _offsets(settings, log, number)
        stats[picture.poc] = FrameStats(
            size, picture.qp, frame_psnr(frames[picture.poc], recon[picture.poc]), cb, cr
        )
    return Result(data, recon, [stats[poc] for poc in range(len(frames))])


def picture_bytes(data: bytes) -> list[int]:
    """Return the bytes of each picture in coding order: its slice, header, APS and SEI, without parameter sets.

    A picture must have one slice, which is VTM's default.
    """
    sizes: list[int] = []
    waiting = 0
    for kind, size in _nal_units(data):
        if kind in _SLICES:
            sizes.append(size + waiting)
            waiting = 0
        elif kind in _PARAMETERS:
            continue
        elif kind in _PREFIX_TYPES or not sizes:
            waiting += size
        else:
            sizes[-1] += size
    return sizes


def _nal_units(data: bytes) -> Iterator[tuple[int, int]]:
    """Return the type and the bytes (including the start code) of every NAL unit."""
    at = data.find(b"\0\0\1")
    while at >= 0:
        following = data.find(b"\0\0\1", at + 3)
        end = len(data) if following < 0 else following
        if end < at + 5:
            return
        unit = data[at:end].rstrip(b"\0") if following >= 0 else data[at:end]
        yield data[at + 4] >> 3, len(unit) + int(at > 0 and data[at - 1] == 0)
        at = following


def _offsets(settings: EncodeSettings, log: Log, number: int) -> tuple[int, int]:
    """Return the chroma QP offsets of a picture: the sum of the settings' and those that the overlay printed."""
    told = (0, 0)
    if log.chroma_offsets:
        told = log.chroma_offsets[min(number, len(log.chroma_offsets) - 1)]
    cb, cr = settings.cb_qp_offset + told[0], settings.cr_qp_offset + told[1]
    return max(-12, min(12, cb)), max(-12, min(12, cr))


def _check_size(path: Path, expected: int, what: str) -> None:
    found = path.stat().st_size if path.is_file() else 0
    if found != expected:
        raise IdseError(f"VTM's {what} has {found} bytes of {expected}: {_full_disk(path)}")


def _full_disk(path: Path) -> str:
    return f"is the disk of {path.parent.parent} full? (TMPDIR, now {tempfile.gettempdir()}, names another)"
