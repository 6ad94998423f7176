"""What every engine takes and gives: settings, frames and weights in, a stream and its reconstruction out."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from idse.errors import IdseError
from idse.media.frame import Frame

if TYPE_CHECKING:
    from idse.importance.weight_map import WeightMap

PRESETS = ("faster", "fast", "medium", "slow", "slower")
"""Names of the presets 0..4."""

Progress = Callable[[float], None]
"""Called now and then with the share done, 0..1; an exception it raises ends the encode and passes through."""


class WeightScope(enum.Flag):
    """Where the weight map acts; anything less than `ALL` is for ablation."""

    NONE = 0
    RDO = 1
    """Distortion of every decision."""
    QUANT = 2
    """lambda / mean(w) inside the quantiser."""
    QP = 4
    """QP - 3 log2(mean w) per 64x64 luma block."""
    ALL = 7

    @classmethod
    def parse(cls, text: str) -> WeightScope:
        """Read "rdo,quant,qp", any part of it, "all" or "none"."""
        scope = cls.NONE
        for name in text.split(","):
            try:
                scope |= cls[name.strip().upper()]
            except KeyError:
                raise IdseError(
                    f"weight scope '{text}': must be all, none, or some of rdo, quant, qp joined by commas"
                ) from None
        return scope


@dataclass(frozen=True)
class EncodeSettings:
    """Everything but the picture and its weights that decides a stream's bytes (and `threads`, which does not).

    Attributes:
        qp: Luma QP of the slice, or what the engine has in its place, within its `qp_range` (0..63 of VVC). With a
            target it is only where the search begins.
        target_bytes: One-picture rate control: bytes of each frame. Excludes `target_bpp`.
        target_bpp: The same as bits per luma sample.
        preset: 0 (fastest) .. 4 (slowest); see `PRESETS`.
        threads: At least 1.
        ctu_size: 64 or 128.
        tau: Share of plain squared error blended into the weights, in units of their mean, >= 0; infinity is plain
            squared error.
        exponent: Power the weights are raised to, 0..10 (beyond, only the two ends of the clip are left); 0 is plain
            squared error.
        clip_qp: Weights are clipped to what this many steps of QP are worth, 0..12.
        cb_qp_offset: -12..12; what the map's chroma planes ask for comes on top.
        cr_qp_offset: The same for Cr.
        wpp: Wavefront rows (needed for more threads than frames; costs some bytes).
        md5_sei: Put the MD5 of each reconstructed picture into the stream.

    Raises:
        IdseError: A value out of its range.
    """

    qp: int = 32
    target_bytes: int | None = None
    target_bpp: float | None = None
    preset: int = 2
    threads: int = 1
    ctu_size: int = 128
    dual_tree: bool = True
    cclm: bool = True
    dependent_quant: bool = True
    transform_skip: bool = True
    deblocking: bool = True
    wpp: bool = False
    md5_sei: bool = False
    cb_qp_offset: int = 0
    cr_qp_offset: int = 0
    weight_scope: WeightScope = WeightScope.ALL
    tau: float = 0.2
    exponent: float = 0.5
    clip_qp: float = 6.0

    def __post_init__(self) -> None:
        _need(0 <= self.qp <= 100, f"qp {self.qp}: must be 0..63 (for jpeg: quality 1..100)")
        if self.target_bytes is not None:
            _need(self.target_bpp is None, "target bytes and target bpp: give one of them")
            _need(self.target_bytes >= 1, f"target bytes {self.target_bytes}: must be at least 1")
        if self.target_bpp is not None:
            _need(0 < self.target_bpp < math.inf, f"target bpp {self.target_bpp}: must be above 0")
        _need(0 <= self.preset < len(PRESETS), f"preset {self.preset}: must be 0..{len(PRESETS) - 1}")
        _need(1 <= self.threads <= 1024, f"threads {self.threads}: must be 1..1024")
        _need(self.ctu_size in (64, 128), f"ctu size {self.ctu_size}: must be 64 or 128")
        _need(self.tau >= 0, f"tau {self.tau}: must be 0 or more")  # NaN fails too
        _need(0 <= self.exponent <= 10, f"exponent {self.exponent}: must be 0..10")
        _need(0 <= self.clip_qp <= 12, f"clip qp {self.clip_qp}: must be 0..12")
        for name, offset in (("cb qp offset", self.cb_qp_offset), ("cr qp offset", self.cr_qp_offset)):
            _need(-12 <= offset <= 12, f"{name} {offset}: must be -12..12")

    def frame_target(self, width: int, height: int) -> int:
        """Bytes wanted for each frame; 0 where `qp` is fixed."""
        if self.target_bytes is not None:
            return self.target_bytes
        if self.target_bpp is not None:
            return max(1, round(self.target_bpp * width * height / 8))
        return 0


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


@runtime_checkable
class Engine(Protocol):
    """Something that codes pictures.

    Attributes:
        name: As `get_engine` knows it.
        version: Of the encoder.
        stream_format: "vvc", "hevc", "h264", "av1", "jpeg" or "learned": see `idse.media.coded`.
        takes_weights: Whether a weight map does anything; an engine that takes none refuses it.
        qp_range: Least and greatest `EncodeSettings.qp`.

    An engine whose streams FFmpeg cannot decode has a `decode` of its own, from a stream's bytes to its frames, or a
    `verify_refusal`: one line that says why. One whose options decide the range of `qp` has a class method `points`,
    from the options to all of them.
    """

    name: str
    version: str
    stream_format: str
    takes_weights: bool
    qp_range: tuple[int, int]

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
        ...

    def check(self, settings: EncodeSettings, *, weighted: bool, tiles: bool = False) -> None:
        """Refuse settings, with or without a map (with tiles), that this engine cannot code with, before any work.

        Raises:
            IdseError: What does not go, and what to do instead.
        """
        ...


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


def check_qp(qp: int, qp_range: tuple[int, int], word: str = "qp") -> None:
    """Raise an `IdseError` unless `qp`, called `word`, lies in an engine's range."""
    low, high = qp_range
    _need(low <= qp <= high, f"{word} {qp}: must be {low}..{high}")


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise IdseError(message)
