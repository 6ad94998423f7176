"""Base class of x265, x264 and SVT-AV1, which run as encoders of FFmpeg."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import av

from idse.engines.base import Progress
from idse.engines.ffmpeg.engine import AnchorEngine, Parameters
from idse.engines.ffmpeg.libav import code_frames, join_parameters, open_silently
from idse.engines.settings import EncodeSettings
from idse.errors import IdseError
from idse.media.frame import Frame

PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip
"""The presets of x264 and x265."""


class VideoEngine(AnchorEngine):
    """An encoder library inside FFmpeg.

    Args:
        preset: A preset of the library; None means the default of the class.
        bit_depth: Bit depth of the coded samples; the source is shifted to it.
        params: Parameters of the library; they override the engine's.

    Raises:
        IdseError: There is no such preset, bit depth or parameter, or this PyAV does not have the encoder.
    """

    codec: ClassVar[str]
    presets: ClassVar[tuple[str, ...]] = PRESETS
    default_preset: ClassVar[str] = "veryslow"
    key: ClassVar[str]
    reserved: ClassVar[frozenset[str]] = frozenset({"qp", "crf", "bitrate", "keyint", "preset"})

    def __init__(
        self, *, preset: str | int | None = None, bit_depth: int | None = None, params: Parameters = ()
    ) -> None:
        super().__init__(bit_depth=self.depths[0] if bit_depth is None else bit_depth, params=params)
        self.preset = self.default_preset if preset is None else str(preset)
        if self.preset not in self.presets:
            raise IdseError(f"preset '{self.preset}': the {self.name} engine has {', '.join(self.presets)}")
        if taken := sorted(self.reserved & self.params.keys()):
            raise IdseError(
                f"parameter '{taken[0]}' is set by the {self.name} engine: use its qp and preset"
            )
        self.version, self._library = self._find_version()

    @abstractmethod
    def _find_version(self) -> tuple[str, str]:
        """Return the library's version, and its full description of itself."""

    @abstractmethod
    def _options(self, settings: EncodeSettings) -> tuple[dict[str, str], dict[str, str]]:
        """Return FFmpeg's options and the engine's parameters of the library, to which the user's are added."""

    def _pix_fmt(self, frame: Frame) -> str:
        kind = "gray" if frame.chroma_format == "400" else "yuv420p"
        return kind + ("10le" if self.bit_depth == 10 else "")

    def _chosen(self, settings: EncodeSettings) -> tuple[dict[str, str], dict[str, str]]:
        options, parameters = self._options(settings)
        parameters |= self.params
        if "tune" in parameters and "tune" in options:  # the libraries take it only together with the preset
            options["tune"] = parameters.pop("tune")
        return options, parameters

    def _code(
        self, frames: Sequence[Frame], settings: EncodeSettings, progress: Progress | None
    ) -> tuple[bytes, list[bytes], dict[str, Any]]:
        options, parameters = self._chosen(settings)
        pix_fmt = self._pix_fmt(frames[0])
        given = options | {self.key: join_parameters(parameters)}
        context = open_silently(self.codec, frames[0].width, frames[0].height, pix_fmt, given)
        packets = code_frames(context, frames, pix_fmt, progress)
        header = self._header(bytes(context.extradata or b""))
        return header, [self._trim(p) for p in packets], options | {"pix_fmt": pix_fmt, self.key: parameters}

    def _header(self, extradata: bytes) -> bytes:
        return extradata

    def _trim(self, packet: bytes) -> bytes:
        return packet

    def _libraries(self) -> dict[str, str]:
        return {self.name: self._library} | ffmpeg_versions()


def ffmpeg_versions() -> dict[str, str]:
    """Return the versions of PyAV and FFmpeg."""
    return {
        "pyav": av.__version__,
        "ffmpeg": str(av.ffmpeg_version_info),
        "libavcodec": ".".join(map(str, av.library_versions["libavcodec"])),
    }
