"""x265 (HEVC) as an engine."""

from __future__ import annotations

import functools
import re
from typing import ClassVar

import numpy as np

from idse.engines.ffmpeg.libav import code_frames, drop_units, open_silently
from idse.engines.ffmpeg.video import VideoEngine
from idse.engines.settings import EncodeSettings
from idse.media.frame import Frame

_PARAMETER_SETS = (32, 33, 34)  # VPS, SPS, PPS
_LOUD = "info=1:log-level=none:pools=none:frame-threads=1"


class X265Engine(VideoEngine):
    """x265: 4:2:0 and 4:0:0 from 16x16 on, in 10 bit (or 8), with the same QP 0..51 in every block, tuned for PSNR.

    See `VideoEngine` for the arguments; `EncodeSettings.md5_sei` and the chroma QP offsets take effect.
    """

    name = "x265"
    stream_format = "hevc"
    qp_range = (0, 51)
    takes_md5 = True
    takes_chroma_offsets = True
    depths: ClassVar[tuple[int, ...]] = (10, 8)
    least_side = 16
    codec = "libx265"
    key = "x265-params"

    def _find_version(self) -> tuple[str, str]:
        return _version()

    def _options(self, settings: EncodeSettings) -> tuple[dict[str, str], dict[str, str]]:
        return {"preset": self.preset, "tune": "psnr"}, {
            "qp": str(settings.target.qp), "keyint": "1", "ipratio": "1.0", "aq-mode": "0",
            "psy-rd": "0", "psy-rdoq": "0",
            "cbqpoffs": str(settings.cb_qp_offset), "crqpoffs": str(settings.cr_qp_offset),
            "hash": str(int(settings.md5_sei)), "info": "0", "vui-timing-info": "0",
            "pools": "none", "frame-threads": "1", "log-level": "none",
        }  # fmt: skip

    def _trim(self, packet: bytes) -> bytes:
        return drop_units(packet, _PARAMETER_SETS, 1, 63)  # x265 repeats them; once at the beginning is enough


@functools.cache
def _version() -> tuple[str, str]:
    """Find the version in the SEI that x265 writes into its streams."""
    grey = Frame((np.full((64, 64), 128, np.uint8),), 8, "400")
    context = open_silently("libx265", 64, 64, "gray", {"preset": "ultrafast", "x265-params": _LOUD})
    stream = bytes(context.extradata or b"") + b"".join(code_frames(context, [grey], "gray"))
    said = re.search(rb"x265 \(build \d+\) - [^\0]*? - H\.265", stream)
    words = said[0].decode("latin-1").removesuffix(" - H.265") if said else "unknown"
    number = re.search(r" - (\d[\w.+-]*)", words)
    return (number[1] if number else "unknown"), words
