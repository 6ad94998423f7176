"""Curves alone, without the store behind them: what files of results hold and what two of them are compared by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from idse.metrics.bd_rate import BdRate, Method, bd_rate

if TYPE_CHECKING:
    from idse.study import Study


@dataclass(frozen=True)
class Position:
    """Where a point lies: QP (NaN where nobody told), per cent of the size, bits per sample of the original."""

    qp: float
    scale: int
    bpp: float


@dataclass(frozen=True)
class CodecResults:
    """A codec's points.

    Attributes:
        name: Row of the tables.
        engine: What coded.
        version: Of the engine.
        settings_hash: Of all that decides its figures; empty where nobody told.
        settings: What was asked for.
        positions: Its points.
        qualities: By measure, one for each point.
    """

    name: str
    engine: str
    version: str
    settings_hash: str
    positions: tuple[Position, ...]
    qualities: Mapping[str, tuple[float, ...]]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def front(self, measure: str) -> tuple[int, ...]:
        """Points that make the curve, by rising rate: all of one size, the Pareto front of several sizes."""
        rates = [p.bpp for p in self.positions]
        if len({p.scale for p in self.positions}) < 2:
            return tuple(sorted(range(len(rates)), key=rates.__getitem__))
        from idse.metrics.pareto import pareto_front

        return tuple(int(i) for i in pareto_front(rates, self.qualities[measure]))


@dataclass(frozen=True)
class Results:
    """All codecs of one source.

    Attributes:
        name: Where they come from.
        titles: Of the measures, by key, in order.
        codecs: In order.
        about: What belongs to every number: versions, conversion, seed; empty where nobody told.
        items: Names of the pictures; empty where nobody told.
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
