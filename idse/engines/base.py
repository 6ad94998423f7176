"""What every engine takes and gives: settings, frames and weights in, a stream and its reconstruction out."""

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
"""Called now and then with the share done, 0..1; an exception it raises ends the encode and passes through."""


@dataclass(frozen=True)
class FrameStats:
    """What an engine says about one coded frame.

    Attributes:
        bytes: Of its slice and SEI.
        qp: The slice QP used.
        psnr: dB per plane, 10 bit, peak 255 << 2; infinite for a lossless plane.
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
        recon: What a decoder gives: frames of 10 bit (of the anchor's own depth for anchors).
        frames: Figures per frame.
        seconds: Wall time of the encode.
        cpu_seconds: CPU time of the encode, where the engine counts it apart from decoding its own stream.
        provenance: Engine, version, settings: what it takes to make the same bytes again.
    """

    data: bytes
    recon: list[Frame]
    frames: list[FrameStats]
    seconds: float
    provenance: dict[str, Any] = field(default_factory=dict)
    cpu_seconds: float | None = None

    @property
    def bpp(self) -> float:
        """Bits per luma sample, over all frames."""
        return 8 * len(self.data) / sum(f.width * f.height for f in self.recon)

    @property
    def psnr(self) -> float:
        """Luma PSNR in dB, from the mean squared error over all frames."""
        mse = [0.0 if math.isinf(f.psnr[0]) else 10 ** (-f.psnr[0] / 10) for f in self.frames]
        mean = sum(mse) / len(mse)
        return -10 * math.log10(mean) if mean > 0 else math.inf


class Engine(ABC):
    """Something that codes pictures; docs/engines.md says how to write one.

    A class needs `name`, `stream_format`, `version` and `encode`; everything else has a default. Its options are the
    parameters of its `__init__`.

    Attributes:
        name: As `get_engine` knows it.
        version: Of the encoder.
        stream_format: "vvc", "hevc", "h264", "av1" or "jpeg", which FFmpeg decodes (`idse.media.coded`), or a name
            of its own together with a `decode` of its own.
        qp_range: Least and greatest `Target.qp`; an instance may narrow what its class says.
        qp_word: What `Target.qp` is called in messages.
        codes_at: What an engine without rate control keeps to, in messages.
        takes_weights: Whether a weight map does anything; an engine that takes none refuses it.
        takes_target: Whether it reaches a size (`Target.target_bytes`).
        takes_md5: Whether it can write a checksum of each picture.
        takes_chroma_offsets: Whether it can offset the QP of chroma.
        takes_preset: Whether `EncodeSettings.preset` or an option `preset` means anything.
        path_options: Options that name files or folders: a plan takes them relative to its own folder.
        list_options: Options whose value is a list: a plan does not read it as several codecs.
        unhashed_options: Options that do not decide a stream's bytes by themselves. `path_options` belong to them:
            `identity` tells what lies there.
        verify_refusal: One line that says why no decoder can confirm the streams; None where one can.
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
        """Code frames of one size, depth and chroma format.

        Raises:
            IdseError: The frames, weights or settings cannot be coded.
        """

    def decode(self, data: bytes, like: Frame | None = None, *, name: str = "stream") -> list[Frame]:
        """The frames of a stream that this engine made: by FFmpeg, unless the engine has a decoder of its own.

        Args:
            data: The whole stream.
            like: The source, if it is there: the frames get its matrix, range and chroma format where a stream does
                not say them.
            name: Of the stream, for messages.

        Raises:
            IdseError: A damaged stream, or one that this engine did not make.
        """
        return decode_coded(data, self.stream_format, like, name=name)

    @functools.cached_property
    def identity(self) -> Mapping[str, Any]:
        """What else than name and version decides the bytes, for the keys of results.

        By default the hash of what the engine makes of one small picture, coded once for an instance: it changes with
        the library behind the engine and with every option, given or not.
        """
        settings = EncodeSettings(qp=sum(self.qp_range) // 2)
        return {
            "probe": hashlib.sha256(self.encode([probe_frame(96, 64)], None, settings).data).hexdigest()[:12]
        }

    def check(self, settings: EncodeSettings, *, weighted: bool, tiles: bool = False) -> None:
        """Refuse settings that this engine cannot code with, before any work.

        Args:
            settings: Of an encode.
            weighted: Whether there will be a map.
            tiles: Whether it will have tiles.

        Raises:
            IdseError: What does not go, and what to do instead.
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
        """The part of `check` that looks at the QP."""
        low, high = self.qp_range
        if not low <= qp <= high:
            raise IdseError(f"{self.qp_word} {qp}: must be {low}..{high}")

    def check_chroma_offsets(self, settings: EncodeSettings) -> None:
        """The part of `check` that looks at chroma QP offsets."""
        if (settings.cb_qp_offset or settings.cr_qp_offset) and not self.takes_chroma_offsets:
            raise IdseError(f"the {self.name} engine takes no chroma QP offsets: leave them at 0")

    @classmethod
    def option_names(cls) -> frozenset[str]:
        """Names of the options that `from_options` takes."""
        return frozenset(inspect.signature(cls.__init__).parameters) - {"self"}

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """The engine with options as a plan or the command line has them: paths as text, lists.

        Raises:
            IdseError: An option that the engine does not have, or refuses.
        """
        return cls(**cls.converted(options))

    @classmethod
    def converted(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options with paths and tuples in the place of text and lists.

        Raises:
            IdseError: An option that the engine does not have.
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
        """Every QP there is with these options, for a plan that names none; None: too many to measure them all."""
        return None

    @classmethod
    def installation(cls) -> str | None:
        """One line for `idse doctor` that says what is there; None where an option that must be given decides.

        Raises:
            IdseError: What is missing, and how to get it.
        """
        return f"version {cls.from_options({}).version}"

    @classmethod
    def has_own_decoder(cls) -> bool:
        """Whether only the engine decodes its streams, and FFmpeg does not."""
        return cls.decode is not Engine.decode

    @classmethod
    def stream_suffix(cls) -> str:
        """The usual suffix of a stream's file."""
        return SUFFIXES.get(cls.stream_format, (f".{cls.stream_format}",))[0]

    def provenance(self, settings: EncodeSettings, **more: Any) -> dict[str, Any]:
        """What every stream's provenance begins with, and more."""
        return {"engine": self.name, "version": self.version, "settings": settings.record(), **more}


def check_frames(frames: Sequence[Frame]) -> None:
    """Raise an `IdseError` unless there are frames, all of one size, depth and chroma format."""
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
            raise IdseError(f"frame {i} has another bit depth or chroma format than frame 0")
