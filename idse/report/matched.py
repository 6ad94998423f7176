"""Codecs that differ only in tau or gamma: the gain for detectors of each such family at equal cost in luma PSNR."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from idse.engines.settings import Shaping
from idse.report import text
from idse.report.tables import Cell, Column, Table

if TYPE_CHECKING:
    from idse.study import Codec, Measure, Study

COST = "psnr_y"
_COSTS = (0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0)
_PARAMETERS: Mapping[str, tuple[float | None, str]] = {"tau": (None, r"tau"), "gamma": (Shaping.gamma, r"gamma|tuning")}
"""What a family's codecs may differ in: the value of a codec that names none, and the words of codecs' names for it."""
_READINGS = 3


@dataclass(frozen=True)
class Family:
    """Codecs that differ only in one parameter ("tau" or "gamma"), by its rising value."""

    name: str
    parameter: str
    values: tuple[float, ...]
    codecs: tuple[str, ...]


@dataclass(frozen=True)
class Families:
    """Families with their BD-rates against an anchor.

    Attributes:
        anchor: The anchor of the BD-rates.
        families: Each has at least two values of its parameter.
        gains: The measures of detectors.
        percents: BD-rates by measure and codec; None where one cannot be computed.
        table: The gains at a few costs.
    """

    anchor: str
    families: tuple[Family, ...]
    gains: tuple[Measure, ...]
    percents: dict[str, dict[str, float | None]]
    table: Table

    @property
    def along(self) -> str:
        """The parameters that the families differ in: "tau", "gamma" or "tau or gamma"."""
        return _along(self.families)

    def plot_data(self) -> dict[str, Any]:
        """The data of the page's plot."""
        return {
            "anchor": self.anchor,
            "cost": COST,
            "gains": [{"key": m.key, "title": m.title} for m in self.gains],
            "families": [
                {
                    "name": f.name,
                    "parameter": f.parameter,
                    "values": list(f.values),
                    "codecs": list(f.codecs),
                }
                for f in self.families
            ],
            "percents": self.percents,
        }


def find_families(codecs: Sequence[Codec]) -> list[Family]:
    """Groups of codecs whose settings differ only in one parameter and that have at least two values of it."""
    families = []
    for parameter, (default, words) in _PARAMETERS.items():
        groups: dict[str, list[tuple[float, str]]] = {}
        for codec in codecs:
            value = codec.settings.get(parameter, default)
            if not isinstance(value, (int, float)) or codec.importance is None:
                continue
            rest = {k: v for k, v in codec.settings.items() if k != parameter}
            about = [codec.engine, codec.version, rest, codec.importance]
            same = json.dumps(about, sort_keys=True, default=str)
            groups.setdefault(same, []).append((float(value), codec.name))
        for members in groups.values():
            members.sort()
            if len({value for value, _ in members}) > 1:
                first = members[0][1]
                name = re.sub(rf"\s*\b({words})=\S+", "", first).strip() or first
                values, names = zip(*members, strict=True)
                families.append(Family(name, parameter, values, names))
    return families


def matched_families(study: Study, anchor: str) -> Families | None:
    """The families of a study with their gains; None without families or without measures of detectors."""
    families = [f for f in find_families(study.codecs) if anchor not in f.codecs]
    gains = tuple(m for m in study.measures if m.group in ("features", "detections"))
    if not families or not gains or all(m.key != COST for m in study.measures):
        return None
    percents = {
        m.key: {c: study.figure(anchor, c, m.key).value.percent for f in families for c in f.codecs}
        for m in study.measures
        if m.key == COST or m in gains
    }
    return Families(
        anchor, tuple(families), gains, percents, _table(study, anchor, families, gains, percents[COST])
    )


def _table(
    study: Study,
    anchor: str,
    families: Sequence[Family],
    gains: Sequence[Measure],
    costs: dict[str, float | None],
) -> Table:
    rows = []
    for at in _readings([[c for n in family.codecs if (c := costs[n]) is not None] for family in families]):
        for family in families:
            cells = []
            for measure in gains:
                found = study.matched_cost(anchor, family.codecs, measure.key, COST, at)
                cells.append(
                    Cell("n/a", note=found.reason)
                    if found.gain is None
                    else Cell(text.percent(found.gain), found.gain)
                )
            rows.append((f"{family.name} at BD-Y {at:+g} %", tuple(cells)))
    return Table(
        "matched-cost",
        f"BD-rate against {anchor} at a fixed BD-rate in luma PSNR (BD-Y), interpolated along {_along(families)}, "
        "in per cent",
        "codecs and cost",
        tuple(Column(text.heading(m.key, m.title), m.detector or "", "%") for m in gains),
        tuple(rows),
        codec_rows=False,
    )


def _along(families: Sequence[Family]) -> str:
    return " or ".join(dict.fromkeys(f.parameter for f in families))


def _readings(costs: Sequence[Sequence[float]]) -> list[float]:
    """A few round costs within the range of every family, or else of at least one."""
    ranges = [(min(own), max(own)) for own in costs if own]
    for enough in (all, any):
        inside = [c for c in _COSTS if ranges and enough(low <= c <= high for low, high in ranges)]
        if inside:
            break
    if len(inside) <= _READINGS:
        return inside
    return [inside[round(i * (len(inside) - 1) / (_READINGS - 1))] for i in range(_READINGS)]
