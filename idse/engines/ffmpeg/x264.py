"""x264 (H.264) as an engine."""

from __future__ import annotations

import functools
import re
from typing import ClassVar

import numpy as np

from idse.engines.ffmpeg.libav import code_frames, drop_units, open_silently
from idse.engines.ffmpeg.video import VideoEngine
from idse.engines.settings import EncodeSettings
from idse.errors import IdseError
from idse.media.frame import Frame

_SEI = (6,)
_DEPTH_OFFSET = 12  # in 10 bit x264 counts QP from 0 where the standard counts from -12


class X264Engine(VideoEngine):
    """x264: 4:2:0 and 4:0:0, in 8 bit (or 10), with the same QP 0..51 in every block, tuned for PSNR.

    In 8 bit, QP 0 is lossless. See `VideoEngine` for the arguments; Cb and Cr share one QP offset.
    """

    name = "x264"
    stream_format = "h264"
    qp_range = (0, 51)
    depths: ClassVar[tuple[int, ...]] = (8, 10)
    codec = "libx264"
    key = "x264-params"

    def _find_version(self) -> tuple[str, str]:
        return _version()

    def check_chroma_offsets(self, settings: EncodeSettings) -> None:
        """Refuse different offsets of Cb and Cr."""
        if settings.cb_qp_offset != settings.cr_qp_offset:
            raise IdseError("the x264 engine has one chroma QP offset: give Cb and Cr the same")

    def _options(self, settings: EncodeSettings) -> tuple[dict[str, str], dict[str, str]]:
        qp = settings.target.qp + (_DEPTH_OFFSET if self.bit_depth == 10 else 0)
        return {"preset": self.preset, "tune": "psnr"}, {
            "qp": str(qp), "keyint": "1", "ipratio": "1.0", "aq-mode": "0", "psy": "0",
            "chroma-qp-offset": str(settings.cb_qp_offset), "threads": "1",
        }  # fmt: skip

    def _header(self, extradata: bytes) -> bytes:
        return drop_units(extradata, _SEI, 0, 31)

    def _trim(self, packet: bytes) -> bytes:
        return drop_units(packet, _SEI, 0, 31)  # half a kilobyte with x264's version and options


@functools.cache
def _version() -> tuple[str, str]:
    """Find the version in the SEI that x264 writes into its streams."""
    grey = Frame((np.full((64, 64), 128, np.uint8),), 8, "400")
    context = open_silently("libx264", 64, 64, "gray", {"preset": "ultrafast"})
    stream = bytes(context.extradata or b"") + b"".join(code_frames(context, [grey], "gray"))
    said = re.search(rb"x264 - (core [^\0]*?) - H\.264", stream)
    words = said[1].decode("latin-1") if said else "unknown"
    return words.removeprefix("core "), f"x264 {words}"
