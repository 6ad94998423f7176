"""JPEG through Pillow's libjpeg-turbo as an engine."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import PIL
from PIL import Image, features

from idse.engines.base import Progress
from idse.engines.ffmpeg.engine import AnchorEngine, Parameters
from idse.engines.ffmpeg.video import ffmpeg_versions
from idse.engines.settings import EncodeSettings
from idse.errors import IdseError
from idse.media.frame import Frame

_PARAMETERS = ("optimize", "progressive")


class JpegEngine(AnchorEngine):
    """Baseline JPEG with optimal Huffman tables, 8 bit, 4:2:0 or grey; `Target.qp` is the quality 1..100.

    A higher quality gives more bits, unlike a higher QP. Chroma is coded as given, without resampling. Several frames
    are coded as a sequence of files (Motion JPEG). JPEG decoders may differ by one grey level; `recon` is FFmpeg's.

    Args:
        params: "optimize" (default 1) and "progressive" (default 0), each 0 or 1.

    Raises:
        IdseError: There is no such parameter, or Pillow was built without JPEG.
    """

    name = "jpeg"
    stream_format = "jpeg"
    qp_range = (1, 100)
    qp_word = "quality"
    codes_at = "a fixed quality"
    takes_preset = False
    depths: ClassVar[tuple[int, ...]] = (8,)

    def __init__(self, *, bit_depth: int = 8, params: Parameters = ()) -> None:
        super().__init__(bit_depth=bit_depth, params=params)
        for key, value in self.params.items():
            if key not in _PARAMETERS or value not in ("0", "1"):
                raise IdseError(
                    f"parameter {key}={value}: the jpeg engine has {', '.join(_PARAMETERS)}, 0 or 1"
                )
        if not features.check("jpg"):
            raise IdseError("this Pillow has no JPEG: install pillow from PyPI ('pip install pillow')")
        turbo = features.version("libjpeg_turbo")
        self._library = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"
        self.version = self._library

    def _libraries(self) -> dict[str, str]:
        return {"jpeg": self._library, "pillow": PIL.__version__} | ffmpeg_versions()

    def _code(
        self, frames: Sequence[Frame], settings: EncodeSettings, progress: Progress | None
    ) -> tuple[bytes, list[bytes], dict[str, Any]]:
        options = {"quality": settings.target.qp, "optimize": True, "progressive": False}
        options |= {key: value == "1" for key, value in self.params.items()}
        packets = []
        for number, frame in enumerate(frames, 1):
            file = io.BytesIO()
            try:
                _image(frame).save(file, "JPEG", subsampling="4:2:0", **options)
            except (OSError, ValueError) as error:
                raise IdseError(f"JPEG cannot code {frame.width}x{frame.height} ({error})") from None
            packets.append(file.getvalue())
            if progress is not None:
                progress(number / len(frames))
        return b"", packets, options


def _image(frame: Frame) -> Image.Image:
    """Return a frame as a Pillow image; each chroma sample is repeated 2x2, and libjpeg's mean restores it exactly."""
    if frame.chroma_format == "400":
        return Image.fromarray(frame.planes[0])
    chroma = (np.repeat(np.repeat(plane, 2, 0), 2, 1) for plane in frame.planes[1:])
    return Image.fromarray(np.stack([frame.planes[0], *chroma], axis=2), "YCbCr")
