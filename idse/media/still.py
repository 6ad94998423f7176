"""PNG, JPEG and other formats that Pillow reads and writes."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from idse.errors import IdseError
from idse.media.frame import ChromaFormat, Frame, Matrix, decoded_rgb

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})


def read_picture(
    path: Path,
    *,
    chroma_format: ChromaFormat | None = None,
    matrix: Matrix = "bt601",
    full_range: bool = True,
) -> Frame:
    """Read a picture as a frame, rotated according to its EXIF orientation; an alpha channel is ignored.

    Grey pictures become 4:0:0 (16-bit pictures: 10 bit), others 8-bit 4:2:0; `chroma_format` overrides this. The last
    column or row of an odd 4:2:0 size is repeated, because the size of such a stream is even.

    Raises:
        IdseError: The file is not a picture, or is damaged.
    """
    try:
        with Image.open(path) as opened:
            opened.load()
            picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I;16") and chroma_format != "420":
            deep = np.minimum((np.asarray(picture).astype(np.uint32) + 32) >> 6, 1023).astype(np.uint16)
            return Frame((deep,), 10, "400", matrix, True)
        if chroma_format is None:
            chroma_format = "400" if picture.mode in ("1", "L", "LA") else "420"
        if picture.mode.startswith("I;16"):
            picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
        rgb = np.asarray(picture.convert("RGB"))
    except Image.DecompressionBombError as error:
        raise IdseError(f"{path}: the picture is too large to decode ({error})") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error) as error:
        if isinstance(error, (FileNotFoundError, PermissionError)):
            raise
        raise IdseError(f"{path}: not a readable picture, or damaged ({_one_line(error)})") from None
    if chroma_format == "420":
        rgb = np.pad(rgb, ((0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)), mode="edge")
    return Frame.from_rgb(rgb, chroma_format=chroma_format, matrix=matrix, full_range=full_range)


def write_picture(path: Path, frame: Frame) -> None:
    """Write a frame as 8-bit RGB (4:0:0: grey); the suffix of `path` determines the format.

    Frames of a higher bit depth are rounded to 8 bit first, as in `decoded_rgb`.

    Raises:
        IdseError: Pillow does not know the suffix.
    """
    rgb = decoded_rgb(frame)
    picture = Image.fromarray(np.ascontiguousarray(rgb[..., 0]) if frame.chroma_format == "400" else rgb)
    try:
        picture.save(path, quality=95)  # quality is for JPEG; PNG ignores it
    except ValueError:
        raise IdseError(f"{path}: unknown kind of picture '{path.suffix}'") from None


def _one_line(error: Exception) -> str:
    text = str(error).splitlines()
    return text[0] if text else type(error).__name__
