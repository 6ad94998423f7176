"""A trained codec (`idse.learned`) as an engine: it has points instead of QPs."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from idse import __version__
from idse.engines.base import EncodedStream, Engine, FrameStats, Progress, check_frames
from idse.engines.psnr import frame_psnr
from idse.engines.settings import EncodeSettings, WeightScope
from idse.errors import IdseError
from idse.media.frame import Frame

if TYPE_CHECKING:
    from idse.importance.weight_map import WeightMap
    from idse.learned.coding.codec_file import TrainedCodec


class LearnedEngine(Engine):
    """A learned codec of one file: `Target.qp` is the point of its curve; point 0 has the most bits.

    Coding runs on the CPU in one thread; `EncodeSettings.threads` and the settings of other encoders (preset, CTU size,
    tools, shaping of weights) have no effect. With `md5_sei` the stream contains a CRC-32 of each picture.
    `EncodedStream.recon` has 8 bit.

    Args:
        codec: The codec file, made by `idse train`.

    Attributes:
        qp_range: For an instance: 0 to the codec's last point.

    Raises:
        IdseError: No file is given, it is missing or damaged, or torch or CompressAI is missing.
    """

    name = "learned"
    stream_format = "learned"
    qp_word = "point"
    codes_at = "a point of its codec"
    takes_md5 = True
    path_options: ClassVar[frozenset[str]] = frozenset({"codec"})
    unhashed_options: ClassVar[frozenset[str]] = path_options
    qp_range = (0, 100)

    def __init__(self, codec: str | Path | None = None) -> None:
        self.codec = load_codec(codec)
        self.qp_range = 0, len(self.codec.points) - 1
        self.version = ", ".join([f"idse {__version__}", *(f"{k} {v}" for k, v in _libraries().items())])

    @functools.cached_property
    def identity(self) -> dict[str, str]:
        """Digest of the codec's content."""
        return {"codec": self.codec.digest[:24]}

    @classmethod
    def installation(cls) -> None:
        """None: only the codec file matters; see `Engine.installation`."""

    @classmethod
    def points(cls, options: Mapping[str, Any]) -> tuple[int, ...]:
        """All points of the codec file in these options; see `Engine.points`.

        Raises:
            IdseError: As for the engine itself.
        """
        return tuple(range(len(load_codec(options.get("codec")).points)))

    def encode(
        self,
        frames: Sequence[Frame],
        weights: WeightMap | None,
        settings: EncodeSettings,
        progress: Progress | None = None,
    ) -> EncodedStream:
        """Code frames of one size; see `Engine.encode`. If several threads call this, one picture is coded at a time.

        A frame's `bytes` are those of its strings, without the stream's header. Times do not include the
        reconstruction; `cpu_seconds` is that of the whole process.
        """
        from idse.learned.coding.coder import encode_frames

        check_frames(frames)
        if settings.shaping.weight_scope is WeightScope.NONE:
            weights = None
        self.check(settings, weighted=weights is not None)
        coded = encode_frames(
            self.codec, settings.target.qp, frames, checksums=settings.md5_sei, progress=progress
        )
        point = self.codec.points[settings.target.qp]
        return EncodedStream(
            data=coded.data,
            recon=[f.recon for f in coded.frames],
            frames=[
                FrameStats(sum(map(len, f.strings)), settings.target.qp, frame_psnr(source, f.recon))
                for source, f in zip(frames, coded.frames, strict=True)
            ],
            seconds=sum(f.seconds for f in coded.frames),
            provenance=self.provenance(
                settings,
                codec=self.codec.name,
                digest=self.codec.digest,
                network=self.codec.settings.to_dict(),
                point={"label": point.label, "epoch": point.epoch, "figures": dict(point.figures)},
                estimated_bits=sum(f.estimated_bits for f in coded.frames),
            ),
            cpu_seconds=sum(f.cpu_seconds for f in coded.frames),
        )

    def decode(self, data: bytes, like: Frame | None = None, *, name: str = "stream") -> list[Frame]:
        """Decode a stream of this codec, made at any of its points; `like` is not needed.

        Raises:
            IdseError: Not such a stream, a damaged one, or one of another codec.
        """
        from idse.learned.coding.coder import decode_stream

        return decode_stream(data, self.codec, name)

    def check_point(self, qp: int) -> None:
        """Raise an `IdseError` if the codec has no such point."""
        self.codec.check_point(qp)


def load_codec(path: str | Path | None) -> TrainedCodec:
    """The codec of a file; the last 16 are cached.

    Raises:
        IdseError: No file is given, it is missing or damaged, or torch or CompressAI is missing.
    """
    if path is None:
        raise IdseError("which codec? Give its file with --codec (in a plan: codec); 'idse train' makes one")
    path = Path(path)
    try:
        from idse.learned.coding.codec_file import TrainedCodec
    except ImportError as error:
        raise IdseError(f"learned codecs need torch ({error}): pip install 'idse[learned]'") from None
    try:
        stat = path.stat()
    except OSError:
        return TrainedCodec.load(path)  # raises an error that says what is wrong
    return _kept(path, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _kept(path: Path, size: int, changed: int) -> TrainedCodec:
    from idse.learned.coding.codec_file import TrainedCodec

    return TrainedCodec.load(path)


def _libraries() -> dict[str, str]:
    """Versions of the libraries that compute the streams."""
    return {name: version_of(name) for name in ("compressai", "torch")}
