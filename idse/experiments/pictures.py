"""Pictures of an experiment: files as 8-bit YUV frames, and frames as what a detector looks at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from idse.media.frame import Frame

CONVERSION = "RGB -> BT.601 full range 8-bit 4:2:0, chroma 2x2 mean, half up; cropped to multiples of 8"
"""Of every picture here, as the peers' points were made."""


def photographs(folder: Path) -> list[Path]:
    """The PNG and JPEG files of a folder, by name."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in {".png", ".jpg", ".jpeg"})


def load_photograph(path: Path, multiple: int = 8) -> Frame:
    """A photograph as the frame that is coded: cropped at right and bottom to a multiple of 8 samples."""
    with Image.open(path) as image:
        rgb = np.asarray(image.convert("RGB"))
    height, width = (side // multiple * multiple for side in rgb.shape[:2])
    return Frame.from_rgb(rgb[:height, :width])


def load_yuv420(path: Path, width: int, height: int) -> Frame:
    """The first frame of a raw 8-bit 4:2:0 file."""
    data = np.fromfile(path, dtype=np.uint8, count=width * height * 3 // 2)
    luma, chroma = width * height, width * height // 4
    planes = (
        data[:luma].reshape(height, width),
        data[luma : luma + chroma].reshape(height // 2, width // 2),
        data[luma + chroma :].reshape(height // 2, width // 2),
    )
    return Frame(planes)


def seen_rgb(frame: Frame, source_depth: int) -> npt.NDArray[np.float32]:
    """`[H, W, 3]` in 0..1: the picture a detector sees, not rounded to 8 bits.

    The encoder shifts an 8-bit source up to 10 bits, so white is 1020, where a full-range 10-bit picture has
    1023. Taken as it stands a decoded picture would be 0.3 % darker than its source. The conversion is linear
    around the chroma centre, which the shift keeps, so a factor undoes this.
    """
    rgb = frame.to_rgb(as_float=True)
    if not frame.full_range or source_depth >= frame.bit_depth:
        return rgb
    top = (1 << frame.bit_depth) - 1
    shifted_top = ((1 << source_depth) - 1) << (frame.bit_depth - source_depth)
    return np.asarray(np.minimum(rgb * np.float32(top / shifted_top), 1), dtype=np.float32)
