"""Reads picture files as 8-bit YUV frames, for experiments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from idse.media.frame import Frame

CONVERSION = "RGB -> BT.601 full range 8-bit 4:2:0, chroma 2x2 mean, half up; cropped to multiples of 8"
"""Colour matrix of these pictures, with which the peers' points were made too."""


def photographs(folder: Path) -> list[Path]:
    """Return the PNG and JPEG files of a folder, sorted by name."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in {".png", ".jpg", ".jpeg"})


def load_photograph(path: Path, multiple: int = 8) -> Frame:
    """Read a photograph as a frame, cropped at the right and the bottom to a multiple of 8 samples."""
    with Image.open(path) as image:
        rgb = np.asarray(image.convert("RGB"))
    height, width = (side // multiple * multiple for side in rgb.shape[:2])
    return Frame.from_rgb(rgb[:height, :width])


def load_yuv420(path: Path, width: int, height: int) -> Frame:
    """Read the first frame of a raw 8-bit 4:2:0 file."""
    data = np.fromfile(path, dtype=np.uint8, count=width * height * 3 // 2)
    luma, chroma = width * height, width * height // 4
    planes = (
        data[:luma].reshape(height, width),
        data[luma : luma + chroma].reshape(height // 2, width // 2),
        data[luma + chroma :].reshape(height // 2, width // 2),
    )
    return Frame(planes)
