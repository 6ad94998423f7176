"""Sequences: raw YUV, Y4M, and videos that FFmpeg decodes. Each file is one item."""

from __future__ import annotations

from idse.datasets.base import Dataset, DatasetSettings, Item, choose, item_names
from idse.datasets.headers import VVC_SUFFIXES, count_frames
from idse.errors import IdseError
from idse.media.still import SUFFIXES as PICTURES

_RAW = {".yuv", ".y4m"}
_CONTAINERS = {".mp4", ".m4v", ".mkv", ".mov", ".avi", ".webm", ".mpg", ".mpeg", ".ts", ".ivf", ".obu"}
_STREAMS = {".264", ".h264", ".265", ".h265", ".hevc"}
SUFFIXES = frozenset(_RAW | _CONTAINERS | _STREAMS | VVC_SUFFIXES)
"""Suffixes of sequences in a folder; a file that is given by its own name may have any suffix."""


def open_sequence(settings: DatasetSettings) -> Dataset:
    """Open a file, or all sequences in a folder. Frames keep their own bit depth.

    Raises:
        IdseError: See `open_dataset`. Also if frames are missing, or a video has no video stream.
    """
    source = settings.images
    if source.is_dir():
        found = sorted(
            p for p in source.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
        )
        if not found:
            raise IdseError(
                f"{source}: holds no sequences ({', '.join(sorted(SUFFIXES))}): name a file, or use kind folder"
            )
    elif source.suffix.lower() in PICTURES:
        raise IdseError(f"{source}: is a picture: use kind folder, with only to choose it")
    else:
        found = [source]
    names = item_names([p.name for p in found])
    options = settings.input_options
    chosen = choose(settings, found, lambda path: names[path.name])
    return Dataset(
        name=settings.title,
        kind="sequence",
        classes=(),
        items=tuple(Item(name, path, count_frames(path, options), options) for name, path in chosen),
        has_masks=False,
        identity={
            "kind": "sequence",
            "size": list(options.size) if options.size else None,
            "bit_depth": options.bit_depth,
            "chroma": options.chroma,
            "frames": list(options.frames),
            "matrix": options.matrix,
            "full_range": options.full_range,
            "conversion": "none: samples as the file has them; video formats other than 4:2:0 and grey to 4:2:0",
        },
    )
