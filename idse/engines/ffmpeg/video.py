"""x265, x264 and SVT-AV1 as FFmpeg's encoders: presets, parameters, one open encoder."""

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
"""Of x264 and x265."""


class VideoEngine(AnchorEngine):
    """An encoder library inside FFmpeg.

    Args:
        preset: The library's own; None: the default of the class.
        bit_depth: Of the coded samples; the source is shifted to it.
        params: The library's own parameters; they win over the engine's.

    Raises:
        IdseError: No such preset, depth or parameter, or this PyAV lacks the encoder.
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
                f"parameter '{taken[0]}' belongs to the {self.name} engine: QP and preset have their own places"
            )
        self.version, self._library = self._find_version()

    @abstractmethod
    def _find_version(self) -> tuple[str, str]:
        """The library's version, and all it says of itself."""

    @abstractmethod
    def _options(self, settings: EncodeSettings) -> tuple[dict[str, str], dict[str, str]]:
        """Options of FFmpeg, and the library's own parameters before the user's."""

    def _pix_fmt(self, frame: Frame) -> str:
        kind = "gray" if frame.chroma_format == "400" else "yuv420p"
        return kind + ("10le" if self.bit_depth == 10 else "")

    def _chosen(self, settings: EncodeSettings) -> tuple[dict[str, str], dict[str, str]]:
        options, parameters = self._options(settings)
        parameters |= self.params
        if "tune" in parameters and "tune" in options:  # the libraries know it only beside the preset
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
    """Versions of PyAV and FFmpeg."""
    return {
        "pyav": av.__version__,
        "ffmpeg": str(av.ffmpeg_version_info),
        "libavcodec": ".".join(map(str, av.library_versions["libavcodec"])),
    }
