"""Rate-quality curves without a store: the contents of files of results, and what `idse compare` compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from idse.metrics.bd_rate import BdRate, Method, bd_rate

if TYPE_CHECKING:
    from idse.study import Study


@dataclass(frozen=True)
class Position:
    """QP of a point (NaN if unknown), size in per cent, bits per luma sample of the original."""

    qp: float
    scale: int
    bpp: float


@dataclass(frozen=True)
class CodecResults:
    """A codec's points.

    Attributes:
        name: The name in tables.
        engine: The engine's name.
        version: The engine's version.
        settings_hash: Hash of everything that affects the figures; empty if unknown.
        settings: The settings.
        positions: The points.
        qualities: For each measure, the quality of every point.
    """

    name: str
    engine: str
    version: str
    settings_hash: str
    positions: tuple[Position, ...]
    qualities: Mapping[str, tuple[float, ...]]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def front(self, measure: str) -> tuple[int, ...]:
        """Indices of the points of the curve, by rising rate: all points, or with several sizes their Pareto front."""
        rates = [p.bpp for p in self.positions]
        if len({p.scale for p in self.positions}) < 2:
            return tuple(sorted(range(len(rates)), key=rates.__getitem__))
        from idse.metrics.pareto import pareto_front

        return tuple(int(i) for i in pareto_front(rates, self.qualities[measure]))


@dataclass(frozen=True)
class Results:
    """All codecs of one source.

    Attributes:
        name: Name of the source.
        titles: Titles of the measures by key.
        codecs: The codecs.
        about: What all figures have in common: versions, conversion, seed; empty if unknown.
        items: Names of the pictures; empty if unknown.
    """

    name: str
    titles: Mapping[str, str]
    codecs: tuple[CodecResults, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    items: tuple[str, ...] = ()

    def codec(self, name: str) -> CodecResults | None:
        """A codec by its name."""
        return next((c for c in self.codecs if c.name == name), None)


def from_study(study: Study) -> Results:
    """The curves of a sweep."""
    codecs = []
    for codec in study.codecs:
        points = {m.key: study.points(codec.name, m.key) for m in study.measures}
        first: Sequence[Any] = next(iter(points.values()), [])
        codecs.append(
            CodecResults(
                codec.name,
                codec.engine,
                codec.version,
                str(codec.provenance.get("settings_hash", "")),
                tuple(Position(p.qp, p.scale, p.bpp) for p in first),
                {key: tuple(p.quality for p in found) for key, found in points.items()},
                {k: v for k, v in codec.provenance.items() if k != "settings_hash"},
            )
        )
    titles = {m.key: m.title for m in study.measures}
    return Results(study.name, titles, tuple(codecs), study.provenance, tuple(study.items))


def bd_rate_between(
    anchor: CodecResults, test: CodecResults, measure: str, method: Method = "pchip"
) -> BdRate:
    """BD-rate of one codec's curve against another's, from the points alone."""
    sides: list[list[float]] = []
    for codec in (anchor, test):
        front = codec.front(measure)
        sides.append([codec.positions[i].bpp for i in front])
        sides.append([codec.qualities[measure][i] for i in front])
    rate_a, quality_a, rate_t, quality_t = sides
    return bd_rate(rate_a, quality_a, rate_t, quality_t, method=method)
