"""The choice of a size: of several, the one at which the detectors' distance is least at the same bytes.

Every size is coded by the native encoder's fastest preset, without a map, under rate control, which reaches the bytes
within about 2 % and takes 0.1 to 0.5 s at 640x480. The decoded picture is scaled back, and the network says how far it
is from the source.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from idse.engines import EncodeSettings
from idse.engines.native import NativeEngine
from idse.media.frame import Frame
from idse.media.scaling import coded_size, scaled

SIZES = (100, 85, 70, 50)
"""The sizes that are compared, in per cent."""

FRAMES = 8
"""Of a video, so many frames are compared, spread evenly: one size is chosen for the whole stream."""

_PRESET = 0
_MOST = 1.05
"""A size that takes more than this many times the bytes is not comparable (even its coarsest QP is too fine)."""
_QP = (0, 63)

SourceDistance = Callable[[Frame], Callable[[Frame], "Sequence[float]"]]
"""For a source, the function from decoded frames of its size to distances; `DetectorDistance.of` is one."""


@dataclass(frozen=True)
class Trial:
    """A size as it was tried.

    Attributes:
        scale: The size in per cent.
        bytes: Of the slices of the compared frames.
        distances: One for each detector and target, summed over the compared frames.
        cost: Sum of the distances, each divided by that at 100 %.
    """

    scale: int
    bytes: int
    distances: tuple[float, ...]
    cost: float


@dataclass(frozen=True)
class SizeChoice:
    """The size that was chosen.

    Attributes:
        scale: The size in per cent.
        qp: The QP at which that size takes about the bytes that 100 % takes at the QP that was asked for; None if the
            target is a size in bytes.
        target_bytes: The bytes of the compared frames at which sizes were compared.
        trials: All sizes, the largest first.
        seconds: Wall time of the choice.
    """

    scale: int
    qp: int | None
    target_bytes: int
    trials: tuple[Trial, ...]
    seconds: float

    def record(self) -> dict[str, Any]:
        """The choice as values for JSON."""
        return {
            "target_bytes": self.target_bytes,
            "trials": [{"scale": t.scale, "bytes": t.bytes, "cost": _finite(t.cost)} for t in self.trials],
        }


def choose_size(
    frames: Sequence[Frame],
    settings: EncodeSettings,
    distance: SourceDistance,
    progress: Callable[[float], None] | None = None,
    sizes: Sequence[int] = SIZES,
) -> SizeChoice:
    """Choose the size of the least distance at the same bytes.

    The bytes are those of the target, or with a QP those of a first encode at 100 % at this QP.

    Args:
        frames: Source frames of one size.
        settings: Of the encode; its QP is on VVC's scale.
        distance: How far a decoded frame is from a source frame.
        progress: Called with the share done, 0..1.
        sizes: Sizes in per cent; 100 first.

    Raises:
        IdseError: The native engine cannot code the frames, or the detectors cannot see them.
    """
    began = time.perf_counter()
    step = max(1, len(frames) / FRAMES)
    compared = [frames[int(i * step)] for i in range(min(len(frames), FRAMES))]
    fast = settings.changed(preset=_PRESET, md5_sei=False)
    totals: dict[int, list[float]] = {}
    coded_bytes = dict.fromkeys(sizes, 0)
    qps = dict.fromkeys(sizes, 0.0)
    wanted_bytes = 0
    for number, source in enumerate(compared):
        distances = distance(source)
        first = None if settings.target.is_size else _encode(source, fast)
        wanted = settings.target.frame_bytes(source.width, source.height) or (first.bytes if first else 0)
        wanted_bytes += wanted
        at_size = fast.changed(target_bytes=wanted, target_bpp=None)
        for place, scale in enumerate(sizes):
            small = scaled(source, *coded_size(source.width, source.height, scale))
            trial = first if first is not None and scale == 100 else _encode(small, at_size)
            found = distances(scaled(trial.decoded, source.width, source.height))
            totals[scale] = [a + b for a, b in zip(totals.get(scale, [0.0] * len(found)), found, strict=True)]
            coded_bytes[scale] += trial.bytes
            qps[scale] += trial.qp / len(compared)
            if progress is not None:
                progress((number + (place + 1) / len(sizes)) / len(compared))
    trials = tuple(
        Trial(scale, coded_bytes[scale], tuple(totals[scale]), _cost(totals[scale], totals[sizes[0]]))
        for scale in sizes
    )
    chosen = _best(trials, wanted_bytes).scale
    qp = None if settings.target.is_size else settings.target.qp
    if qp is not None and chosen != 100:
        small_frames = [scaled(f, *coded_size(f.width, f.height, chosen)) for f in compared]
        qp = _matching_qp(small_frames, fast, wanted_bytes, round(qps[chosen]))
    return SizeChoice(chosen, qp, wanted_bytes, trials, time.perf_counter() - began)


@dataclass(frozen=True)
class _Coded:
    decoded: Frame
    bytes: int
    qp: int


def _encode(frame: Frame, settings: EncodeSettings) -> _Coded:
    stream = NativeEngine().encode([frame], None, settings)
    return _Coded(stream.recon[0], stream.frames[0].bytes, stream.frames[0].qp)


def _cost(distances: Sequence[float], whole: Sequence[float]) -> float:
    """Sum of the distances relative to those at 100 %; a lossless picture's 0 is only equalled by another 0."""
    return sum(
        d / w if w > 0 else (1.0 if d == 0 else math.inf) for d, w in zip(distances, whole, strict=True)
    )


def _best(trials: Sequence[Trial], wanted: int) -> Trial:
    comparable = [t for t in trials if t.bytes <= _MOST * wanted]
    if not comparable:
        return min(trials, key=lambda t: t.bytes)
    return min(comparable, key=lambda t: t.cost)


def _matching_qp(frames: Sequence[Frame], fast: EncodeSettings, wanted: int, start: int) -> int:
    """The QP at which frames take the most similar bytes, as a ratio; the search begins at rate control's QP."""

    def miss(qp: int) -> float:
        return math.log(sum(_encode(frame, fast.changed(qp=qp)).bytes for frame in frames) / wanted)

    qp = min(max(start, _QP[0]), _QP[1])
    here = miss(qp)
    step = 1 if here > 0 else -1  # too many bytes: coarser
    while _QP[0] <= qp + step <= _QP[1]:
        there = miss(qp + step)
        if abs(there) >= abs(here):
            break
        qp, here = qp + step, there
    return qp


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
