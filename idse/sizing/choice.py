"""The choice of a size: of several, the one at which the detectors' distance costs least.

Every size is coded by the native encoder's fastest preset, without a map. The decoded picture is scaled back, and the
network says how far it is from the source.

With a target in bytes, sizes are coded at these bytes, and the least distance wins. With a QP, a picture of s times the
sides is coded at QP + 6 log2 s. Scaling back spreads each of its errors over 1 / s^2 samples, so lambda, which doubles
with 3 QP, must be s^2 times that of the full size: then one more bit buys as much as there, the condition of the
best distribution of bits over sizes and pictures (Shoham and Gersho 1988). The least sum of distance and slope times
bytes wins; the slope is that of the full size between two QPs.
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
_STEP = 4
"""Between the QPs that the slope is measured at."""

SourceDistance = Callable[[Frame], Callable[[Frame], "Sequence[float]"]]
"""For a source, the function from decoded frames of its size to distances; `DetectorDistance.of` is one."""


@dataclass(frozen=True)
class Trial:
    """A size as it was tried.

    Attributes:
        scale: The size in per cent.
        bytes: Of the slices of the compared frames.
        distances: One for each detector and target, summed over the compared frames.
        cost: Sum of the distances, each divided by that at 100 %; with a QP, plus the slope times the bytes.
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
        qp: The QP for that size; None if the target is a size in bytes.
        target_bytes: The bytes of the compared frames at which sizes were compared; None if they were at a QP.
        trials: All sizes, the largest first.
        seconds: Wall time of the choice.
    """

    scale: int
    qp: int | None
    target_bytes: int | None
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
    """Choose the size at which the distance costs least: at the same bytes, or at the QP's slope.

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
    points: list[tuple[int, int | None]] = [(scale, None) for scale in sizes]
    if not settings.target.is_size:
        qp = settings.target.qp
        # The last point is only there for the slope.
        points = [*((scale, qp_at(qp, scale)) for scale in sizes), (sizes[0], _neighbour(qp))]
    coded_bytes = [0] * len(points)
    totals: list[list[float]] = [[] for _ in points]
    wanted_bytes = 0
    for number, source in enumerate(compared):
        distances = distance(source)
        wanted = settings.target.frame_bytes(source.width, source.height)
        wanted_bytes += wanted
        for place, (scale, point) in enumerate(points):
            small = scaled(source, *coded_size(source.width, source.height, scale))
            aim = {"target_bytes": wanted, "target_bpp": None} if point is None else {"qp": point}
            trial = _encode(small, fast.changed(**aim))
            found = distances(scaled(trial.decoded, source.width, source.height))
            totals[place] = [a + b for a, b in zip(totals[place] or [0.0] * len(found), found, strict=True)]
            coded_bytes[place] += trial.bytes
            if progress is not None:
                progress((number + (place + 1) / len(points)) / len(compared))
    costs = [_cost(found, totals[0]) for found in totals]
    ends = (coded_bytes[0], costs[0]), (coded_bytes[-1], costs[-1])
    slope = 0.0 if settings.target.is_size else _slope(*ends)
    trials = tuple(
        Trial(scale, coded_bytes[i], tuple(totals[i]), costs[i] + slope * coded_bytes[i])
        for i, scale in enumerate(sizes)
    )
    seconds = time.perf_counter() - began
    if settings.target.is_size:
        return SizeChoice(_best(trials, wanted_bytes).scale, None, wanted_bytes, trials, seconds)
    chosen = min(trials, key=lambda t: t.cost).scale
    return SizeChoice(chosen, qp_at(settings.target.qp, chosen), None, trials, seconds)


def qp_at(qp: int, scale: int) -> int:
    """The QP at which a picture of a size in per cent is coded with the slope that the full size has at `qp`."""
    return max(0, min(63, round(qp + 6 * math.log2(scale / 100))))


def _neighbour(qp: int) -> int:
    return qp + _STEP if qp + _STEP <= 63 else qp - _STEP


def _slope(here: tuple[int, float], there: tuple[int, float]) -> float:
    """Cost of a byte less, from two points (bytes, cost) of the full size.

    A single picture's detections do not always get worse with fewer bytes. Then the cost is taken to be inverse to the
    bytes, which is about what pictures do on average.
    """
    if here[0] != there[0]:
        found = -(here[1] - there[1]) / (here[0] - there[0])
        if 0 < found < math.inf:
            return found
    return here[1] / max(here[0], 1) if math.isfinite(here[1]) else 0.0


@dataclass(frozen=True)
class _Coded:
    decoded: Frame
    bytes: int


def _encode(frame: Frame, settings: EncodeSettings) -> _Coded:
    stream = NativeEngine().encode([frame], None, settings)
    return _Coded(stream.recon[0], stream.frames[0].bytes)


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


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
