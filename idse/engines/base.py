"""The interface of engines: they take settings, frames and weights, and return a stream and its reconstruction."""

from __future__ import annotations

import functools
import hashlib
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from idse.engines.settings import EncodeSettings
from idse.errors import IdseError
from idse.media.coded import SUFFIXES, decode_coded
from idse.media.frame import Frame, probe_frame

if TYPE_CHECKING:
    from typing_extensions import Self

    from idse.importance.weight_map import WeightMap

Progress = Callable[[float], None]
"""Called during an encode with the completed share, 0..1; an exception in it ends the encode and is passed on."""


@dataclass(frozen=True)
class FrameStats:
    """The figures of one coded frame.

    Attributes:
        bytes: Bytes of the slice and its SEI.
        qp: QP of the slice.
        psnr: PSNR of each plane in dB, computed in 10 bit with a peak of 255 << 2; infinite for a lossless plane.
        cb_qp_offset: QP offset of Cb.
        cr_qp_offset: QP offset of Cr.
    """

    bytes: int
    qp: int
    psnr: tuple[float, ...]
    cb_qp_offset: int = 0
    cr_qp_offset: int = 0


@dataclass(frozen=True)
class EncodedStream:
    """A coded stream.

    Attributes:
        data: The stream's bytes.
        recon: The frames that a decoder gives, in 10 bit (for anchors in their own bit depth).
        frames: Figures of each frame.
        seconds: Wall time of the encode.
        provenance: Engine, version, settings and all else that is needed to make the same bytes again.
        cpu_seconds: CPU time of the encode, if the engine can measure it without the decoding of its own stream.
    """

    data: bytes
    recon: list[Frame]
    frames: list[FrameStats]
    seconds: float
    provenance: dict[str, Any] = field(default_factory=dict)
    cpu_seconds: float | None = None

    @property
    def bpp(self) -> float:
        """Bits per luma sample over all frames."""
        return 8 * len(self.data) / sum(f.width * f.height for f in self.recon)

    @property
    def psnr(self) -> float:
        """Luma PSNR in dB, from the mean squared error over all frames."""
        mse = [0.0 if math.isinf(f.psnr[0]) else 10 ** (-f.psnr[0] / 10) for f in self.frames]
        mean = sum(mse) / len(mse)
        return -10 * math.log10(mean) if mean > 0 else math.inf


class Engine(ABC):
    """Base class of the encoders; docs/engines.md explains how to write one.

    A subclass needs `name`, `stream_format`, `version` and `encode`; everything else has a default. The options of an
    engine are the parameters of its `__init__`.

    Attributes:
        name: Name for `get_engine`.
        version: Version of the encoder.
        stream_format: "vvc", "hevc", "h264", "av1" or "jpeg", which FFmpeg decodes (`idse.media.coded`), or another
            name if the engine overrides `decode`.
        qp_range: Smallest and largest `Target.qp`; an instance may have a narrower range than its class.
        qp_word: Name of `Target.qp` in messages.
        codes_at: What an engine without rate control codes at, in messages.
        takes_weights: Whether a weight map has an effect; an engine that takes no weights refuses a map.
        takes_target: Whether the engine can aim at a size (`Target.target_bytes`).
        takes_md5: Whether the engine can write a checksum of each picture.
        takes_chroma_offsets: Whether the engine can offset the QP of chroma.
        takes_preset: Whether `EncodeSettings.preset` or an option `preset` has an effect.
        path_options: Options that name files or folders; a plan takes them relative to its own folder.
        list_options: Options whose value is a list; a plan does not read the list as several codecs.
        unhashed_options: Options that do not decide a stream's bytes by themselves, in addition to `path_options`,
            for which `identity` describes the contents of the files.
        verify_refusal: One line that says why no decoder can confirm the streams; None if a decoder can.
    """

    name: ClassVar[str]
    stream_format: ClassVar[str]
    qp_word: ClassVar[str] = "qp"
    codes_at: ClassVar[str] = "a fixed qp"
    takes_weights: ClassVar[bool] = False
    takes_target: ClassVar[bool] = False
    takes_md5: ClassVar[bool] = False
    takes_chroma_offsets: ClassVar[bool] = False
    takes_preset: ClassVar[bool] = True
    path_options: ClassVar[frozenset[str]] = frozenset()
    list_options: ClassVar[frozenset[str]] = frozenset()
    unhashed_options: ClassVar[frozenset[str]] = frozenset()
    qp_range: tuple[int, int] = (0, 63)
    verify_refusal: str | None = None
    version: str

    @abstractmethod
    def encode(
        self,
        frames: Sequence[Frame],
        weights: WeightMap | None,
        settings: EncodeSettings,
        progress: Progress | None = None,
    ) -> EncodedStream:
        """Code frames of one size, bit depth and chroma format.

        Args:
            frames: The frames to code.
            weights: The weight map, or None to code without weights.
            settings: The settings of the encode.
            progress: Called with the completed share, 0..1.

        Raises:
            IdseError: The frames, weights or settings cannot be coded.
        """

    def decode(self, data: bytes, like: Frame | None = None, *, name: str = "stream") -> list[Frame]:
        """Decode a stream that this engine made, with FFmpeg unless the engine overrides this method.

        Args:
            data: The whole stream.
            like: The source, if known; the frames get its matrix, range and chroma format if the stream does not
                state them.
            name: Name of the stream in messages.

        Raises:
            IdseError: The stream is damaged, or this engine did not make it.
        """
        return decode_coded(data, self.stream_format, like, name=name)

    @functools.cached_property
    def identity(self) -> Mapping[str, Any]:
        """Everything besides name and version that decides the bytes; it is part of the keys of results.

        By default this is the hash of the stream of one small picture, coded once for each instance. It changes with
        the library that the engine uses and with the value of every option, including defaults.
        """
        settings = EncodeSettings(qp=sum(self.qp_range) // 2)
        return {
            "probe": hashlib.sha256(self.encode([probe_frame(96, 64)], None, settings).data).hexdigest()[:12]
        }

    def check(self, settings: EncodeSettings, *, weighted: bool, tiles: bool = False) -> None:
        """Refuse settings that this engine cannot code with, before any work is done.

        Args:
            settings: The settings of an encode.
            weighted: Whether there will be a map.
            tiles: Whether the map will have tiles.

        Raises:
            IdseError: The message says what is not possible, and what to do instead.
        """
        if (weighted or tiles) and not self.takes_weights:
            raise IdseError(
                f"the {self.name} engine takes no weights: use --importance none, or the native or vtm engine"
            )
        if settings.target.is_size and not self.takes_target:
            raise IdseError(f"the {self.name} engine codes at {self.codes_at}: give --qp instead of a target")
        self.check_point(settings.target.qp)
        if settings.md5_sei and not self.takes_md5:
            raise IdseError(f"the {self.name} engine writes no MD5 of pictures: leave out --md5")
        self.check_chroma_offsets(settings)

    def check_point(self, qp: int) -> None:
        """Refuse a QP out of range; `check` calls this."""
        low, high = self.qp_range
        if not low <= qp <= high:
            raise IdseError(f"{self.qp_word} {qp}: must be {low}..{high}")

    def check_chroma_offsets(self, settings: EncodeSettings) -> None:
        """Refuse chroma QP offsets that the engine cannot use; `check` calls this."""
        if (settings.cb_qp_offset or settings.cr_qp_offset) and not self.takes_chroma_offsets:
            raise IdseError(f"the {self.name} engine takes no chroma QP offsets: leave them at 0")

    @classmethod
    def option_names(cls) -> frozenset[str]:
        """Return the names of the options that `from_options` takes."""
        return frozenset(inspect.signature(cls.__init__).parameters) - {"self"}

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Make the engine from options in the form of a plan or the command line: paths as text, tuples as lists.

        Raises:
            IdseError: The engine does not have an option, or refuses its value.
        """
        return cls(**cls.converted(options))

    @classmethod
    def converted(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options with text and lists converted to paths and tuples where the engine needs them.

        Raises:
            IdseError: The engine does not have an option.
        """
        if unknown := options.keys() - cls.option_names():
            known = ", ".join(sorted(cls.option_names())) or "none"
            raise IdseError(f"the {cls.name} engine has no option '{min(unknown)}'; its options: {known}")
        found = dict(options)
        for name in cls.path_options & found.keys():
            found[name] = None if found[name] is None else Path(found[name])
        for name in cls.list_options & found.keys():
            found[name] = tuple(found[name]) if isinstance(found[name], list) else found[name]
        return found

    @classmethod
    def points(cls, options: Mapping[str, Any]) -> tuple[int, ...] | None:
        """Return all QPs that exist with these options, for a plan that lists none; None if a plan must list them."""
        return None

    @classmethod
    def installation(cls) -> str | None:
        """Return one line for `idse doctor` about the installation; None if it depends on an option without a default.

        Raises:
            IdseError: The message says what is missing, and how to get it.
        """
        return f"version {cls.from_options({}).version}"

    @classmethod
    def has_own_decoder(cls) -> bool:
        """Return whether the engine decodes its streams itself, without FFmpeg."""
        return cls.decode is not Engine.decode

    @classmethod
    def stream_suffix(cls) -> str:
        """Return the usual suffix of a stream's file."""
        return SUFFIXES.get(cls.stream_format, (f".{cls.stream_format}",))[0]

    def provenance(self, settings: EncodeSettings, **more: Any) -> dict[str, Any]:
        """Return the provenance of a stream: engine, version, settings and the given further entries."""
        return {"engine": self.name, "version": self.version, "settings": settings.record(), **more}


def check_frames(frames: Sequence[Frame]) -> None:
    """Raise an `IdseError` unless there is at least one frame and all have one size, bit depth and chroma format."""
    if not frames:
        raise IdseError("no frames to encode")
    first = frames[0]
    for i, f in enumerate(frames):
        if (f.width, f.height) != (first.width, first.height):
            raise IdseError(
                f"frame {i} is {f.width}x{f.height}, frame 0 is {first.width}x{first.height}: "
                "all frames of a stream need one size"
            )
        if (f.bit_depth, f.chroma_format) != (first.bit_depth, first.chroma_format):
            raise IdseError(f"frame {i} has another bit depth or chroma format than frame 0: convert them")
