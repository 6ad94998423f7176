"""Base class of the anchors: checks, decoding of the stream, figures and provenance."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from idse.engines.base import EncodedStream, Engine, FrameStats, Progress, check_frames
from idse.engines.psnr import frame_psnr
from idse.engines.settings import EncodeSettings, WeightScope
from idse.errors import IdseError
from idse.media.coded import decode_coded
from idse.media.frame import Frame

if TYPE_CHECKING:
    from idse.importance.weight_map import WeightMap

Parameters = Mapping[str, object] | Iterable[str]
"""Parameters of a library: a mapping, or texts of the form "key=value" ("key" alone means 1)."""


class AnchorEngine(Engine):
    """An encoder of another project: all intra at a constant QP, in one thread, without weights.

    `EncodeSettings.threads` and settings that only other encoders have (preset, CTU size, tools, shaping of weights)
    have no effect. `EncodedStream.recon` is the output of FFmpeg's decoder, at `bit_depth`.

    Attributes:
        bit_depth: Bit depth of the coded samples.
        params: The user's parameters of the library, which override the engine's.
        depths: Bit depths that the engine can code in, the default first.
        least_side: Smallest width and height of a picture.
    """

    list_options: ClassVar[frozenset[str]] = frozenset({"params"})
    depths: ClassVar[tuple[int, ...]]
    least_side: ClassVar[int] = 1

    def __init__(self, *, bit_depth: int, params: Parameters) -> None:
        if bit_depth not in self.depths:
            raise IdseError(
                f"bit depth {bit_depth}: the {self.name} engine codes in {' or '.join(map(str, self.depths))} bit"
            )
        self.bit_depth = bit_depth
        self.params = parse_parameters(params)

    def encode(
        self,
        frames: Sequence[Frame],
        weights: WeightMap | None,
        settings: EncodeSettings,
        progress: Progress | None = None,
    ) -> EncodedStream:
        """Code frames of one size; see `Engine.encode`. Safe to call from several threads at once.

        A frame's `bytes` are those of its packet, without parameter sets that are written once; its `qp` is on the
        engine's own scale. `cpu_seconds` is the CPU time of the whole process.

        Raises:
            IdseError: The encoder cannot code this, or fails; the message holds its own in one line.
        """
        check_frames(frames)
        if settings.shaping.weight_scope is WeightScope.NONE:
            weights = None
        self.check(settings, weighted=weights is not None)
        first = frames[0]
        if first.bit_depth > 10:
            raise IdseError(
                f"bit depth {first.bit_depth}: the {self.name} engine takes 8..10; convert the input"
            )
        if min(first.width, first.height) < self.least_side:
            raise IdseError(
                f"the {self.name} engine takes pictures of at least {self.least_side}x{self.least_side}, "
                f"not {first.width}x{first.height}"
            )
        if first.chroma_format == "420" and (first.width % 2 or first.height % 2):
            raise IdseError(
                f"4:2:0 needs an even width and height, not {first.width}x{first.height}; crop or pad the input"
            )
        coded = [frame.with_bit_depth(self.bit_depth) for frame in frames]
        began, cpu = time.perf_counter(), time.process_time()
        header, packets, options = self._code(coded, settings, progress)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        data = header + b"".join(packets)
        recon = decode_coded(data, self.stream_format, first, name=f"the stream of {self.name}")
        if [(r.width, r.height, r.bit_depth) for r in recon] != [
            (first.width, first.height, self.bit_depth) for _ in frames
        ]:
            raise IdseError(
                f"{self.name} made a stream that does not decode to its input's frames: please report it"
            )
        return EncodedStream(
            data=data,
            recon=recon,
            frames=[
                FrameStats(len(packet), settings.target.qp, frame_psnr(frame, decoded), *self._chroma_offsets(settings))
                for packet, frame, decoded in zip(packets, frames, recon, strict=True)
            ],
            seconds=seconds,
            provenance=self.provenance(
                settings,
                bit_depth=self.bit_depth,
                params=self.params,
                options=options,
                libraries=self._libraries(),
            ),
            cpu_seconds=cpu_seconds,
        )

    def _chroma_offsets(self, settings: EncodeSettings) -> tuple[int, int]:
        return settings.cb_qp_offset, settings.cr_qp_offset

    @abstractmethod
    def _code(
        self, frames: Sequence[Frame], settings: EncodeSettings, progress: Progress | None
    ) -> tuple[bytes, list[bytes], dict[str, Any]]:
        """Return the header that is written once, a packet for each frame, and every option that was used."""

    @abstractmethod
    def _libraries(self) -> dict[str, str]:
        """Return the versions of all libraries that were used."""


def parse_parameters(params: Parameters) -> dict[str, str]:
    """Return the parameters as text; True becomes "1" and False "0".

    Raises:
        IdseError: A name is invalid, or given twice.
    """
    if isinstance(params, str):
        raise IdseError(f"parameters '{params}': give a mapping, or a list of key=value")
    pairs: list[tuple[str, object]] = []
    if isinstance(params, Mapping):
        pairs = [(str(key), value) for key, value in params.items()]
    else:
        for text in params:
            name, equals, given = str(text).partition("=")
            pairs.append((name, given if equals else "1"))
    parsed: dict[str, str] = {}
    for key, value in pairs:
        key = key.strip().removeprefix("--")
        if not key or not all(c.isalnum() or c in "-_" for c in key):
            raise IdseError(f"parameter '{key}': must look like name=value")
        if key in parsed:
            raise IdseError(f"parameter '{key}' is given twice")
        parsed[key] = str(int(value)) if isinstance(value, bool) else str(value).strip()
    return parsed
