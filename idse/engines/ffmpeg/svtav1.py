"""SVT-AV1 as an engine."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from idse.engines.base import Progress
from idse.engines.ffmpeg.libav import code_frames, join_parameters, open_silently, stderr_of_opening
from idse.engines.ffmpeg.video import VideoEngine
from idse.engines.settings import EncodeSettings
from idse.errors import IdseError
from idse.media.frame import Frame


class SvtAv1Engine(VideoEngine):
    """SVT-AV1: 4:2:0 from 4x4 on, in 10 bit (or 8), with a constant QP 0..63, tuned for PSNR.

    Every frame is coded as a separate still picture (`avif=1`), which is a temporal unit with AV1's short headers for
    still pictures (from SVT-AV1 4 on; earlier versions need a few bytes more). The library does not take 4:0:0: it is
    coded with neutral chroma, and `recon` has only luma. See `VideoEngine` for the arguments. Offsets of the chroma
    quantisers are among the library's parameters, on another scale.
    """

    name = "svtav1"
    stream_format = "av1"
    qp_range = (0, 63)
    depths: ClassVar[tuple[int, ...]] = (10, 8)
    least_side = 4
    codec = "libsvtav1"
    presets = tuple(str(i) for i in range(14))
    default_preset = "4"
    key = "svtav1-params"

    def _find_version(self) -> tuple[str, str]:
        return _version()

    def check_chroma_offsets(self, settings: EncodeSettings) -> None:
        """Refuse chroma QP offsets, and name SVT-AV1's parameters for the same purpose."""
        if settings.cb_qp_offset or settings.cr_qp_offset:
            raise IdseError(
                "the svtav1 engine takes no chroma QP offsets: use SVT-AV1's parameters such as "
                "chroma-u-ac-qindex-offset, which have another scale"
            )

    def _options(self, settings: EncodeSettings) -> tuple[dict[str, str], dict[str, str]]:
        return {"preset": self.preset}, {
            "rc": "0", "qp": str(settings.target.qp), "aq-mode": "0", "tune": "1", "lp": "1",
        } | ({"avif": "1"} if self._codes_stills else {})  # fmt: skip

    @property
    def _codes_stills(self) -> bool:
        """Whether frames are coded in still-picture mode; SVT-AV1 3 can code only one picture per process in it."""
        major = self.version.split(".")[0]
        return major.isdigit() and int(major) >= 4

    def _pix_fmt(self, frame: Frame) -> str:
        return "yuv420p10le" if self.bit_depth == 10 else "yuv420p"

    def _code(
        self, frames: Sequence[Frame], settings: EncodeSettings, progress: Progress | None
    ) -> tuple[bytes, list[bytes], dict[str, Any]]:
        options, parameters = self._chosen(settings)
        first, pix_fmt = frames[0], self._pix_fmt(frames[0])
        given = options | {self.key: join_parameters(parameters)}
        packets: list[bytes] = []
        for frame in frames:
            context = open_silently(self.codec, first.width, first.height, pix_fmt, given)
            packets += code_frames(context, [_with_chroma(frame)], pix_fmt)
            if progress is not None:
                progress(len(packets) / len(frames))
        used: dict[str, Any] = options | {"pix_fmt": pix_fmt, self.key: parameters}
        if first.chroma_format == "400":
            used["chroma"] = "neutral"
        return b"", packets, used


def _with_chroma(frame: Frame) -> Frame:
    if frame.chroma_format == "420":
        return frame
    if frame.width % 2 or frame.height % 2:
        raise IdseError(
            f"the svtav1 engine needs an even width and height, not {frame.width}x{frame.height}; crop or pad the input"
        )
    luma = frame.planes[0]
    neutral = np.full((frame.height // 2, frame.width // 2), 1 << (frame.bit_depth - 1), luma.dtype)
    return Frame((luma, neutral, neutral), frame.bit_depth, "420", frame.matrix, frame.full_range)


@functools.cache
def _version() -> tuple[str, str]:
    """Find the version in the lines that SVT-AV1 writes when it starts; FFmpeg offers no other way."""
    open_silently("libsvtav1", 64, 64, "yuv420p", {"preset": "13", "svtav1-params": "lp=1"})
    banner = stderr_of_opening("libsvtav1", 64, 64, "yuv420p", {"preset": "13", "svtav1-params": "lp=1"}, svt_log=3)
    said = re.search(r"SVT \[version\]:\s*(.*\S)", banner)
    words = said[1] if said else "unknown"
    number = re.search(r"v(\d\S*)", words)
    return (number[1] if number else "unknown"), words
