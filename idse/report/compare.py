"""Two sets of results side by side: stores, CSV files of ours, CompressAI's JSON files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idse.errors import IdseError
from idse.report import text
from idse.report.exports.compressai import read_compressai
from idse.report.exports.csv_files import read_points_csv
from idse.report.results import CodecResults, Results, bd_rate_between, from_study
from idse.report.tables import Cell, Column, Table, bd_value_cell

if TYPE_CHECKING:
    from idse.metrics.bd_rate import Method

_VOLATILE = ("created", "store", "folder", "plan")
"""Keys of a sweep's provenance that do not affect its figures."""


def load_results(source: str) -> Results:
    """Results named by a user: STORE, STORE:SWEEP, a CSV file of `idse report`, a JSON file (or folder) of CompressAI.

    Raises:
        IdseError: The source is none of these.
    """
    path = Path(source)
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if not files:
            raise IdseError(f"{path}: this folder has no JSON files of results")
        return read_compressai(files, path.name)
    sweep = None
    if not path.exists() and ":" in source:
        name, sweep = source.rsplit(":", 1)
        path = Path(name)
    if not path.is_file():
        raise IdseError(
            f"{source}: no such results; give a store, STORE:SWEEP, a .csv or .json file, or a folder of .json files"
        )
    if path.suffix.lower() == ".csv":
        return read_points_csv(path)
    if path.suffix.lower() == ".json":
        return read_compressai([path], path.stem)
    from idse.study import Study

    return from_study(Study.load(path, sweep, draws=0))


@dataclass(frozen=True)
class Comparison:
    """The differences between A and B.

    Attributes:
        names: Labels of A and B.
        bd: BD-rate of B against A, one row for each codec; None if no measure is shown.
        points: Points that differ; None if all common points are equal.
        settings: Settings and versions that differ; None if there are none.
        remarks: Sentences: how many points are equal, and what only A or only B has.
    """

    names: tuple[str, str]
    bd: Table | None
    points: Table | None
    settings: Table | None
    remarks: tuple[str, ...]

    @property
    def tables(self) -> list[Table]:
        """The tables that are not None."""
        return [t for t in (self.bd, self.points, self.settings) if t is not None]


def compare(
    a: Results, b: Results, method: Method = "pchip", labels: tuple[str, str] = ("A", "B")
) -> Comparison:
    """Compare codecs of the same name; if A and B have one codec each, their names do not matter.

    Raises:
        IdseError: A and B have no codec or no measure in common.
    """
    if len(a.codecs) == len(b.codecs) == 1:
        pairs = [(a.codecs[0], b.codecs[0])]
    else:
        pairs = [(codec, other) for codec in a.codecs if (other := b.codec(codec.name)) is not None]
    if not pairs:
        raise IdseError(
            f"no codec is in both results: {labels[0]} has {text.names_listed([c.name for c in a.codecs])}, "
            f"{labels[1]} has {text.names_listed([c.name for c in b.codecs])}"
        )
    measures = [key for key in a.titles if key in b.titles]
    if not measures:
        raise IdseError(
            f"no measure is in both results: {labels[0]} has {text.listed(list(a.titles))}, "
            f"{labels[1]} has {text.listed(list(b.titles))}"
        )
    shown = [key for key in measures if not key.startswith("class_")]
    changed, same = _points(pairs, measures)
    remarks = [
        f"{text.plural(same, 'point is', 'points are')} equal in every measure; "
        f"{text.plural(len(changed), 'point differs', 'points differ')}.",
        *_only(labels, a, b, pairs),
    ]
    if a.items and b.items and set(a.items) != set(b.items):
        both = len(set(a.items) & set(b.items))
        remarks.insert(
            0,
            f"The pictures are not the same: {labels[0]} has {len(a.items)}, {labels[1]} has {len(b.items)}, "
            f"and they have {both} in common.",
        )
    settings = _settings(a, b, pairs)
    return Comparison(
        labels,
        _bd_table(a, pairs, shown, method, labels) if shown else None,
        _points_table(changed, shown, a) if changed else None,
        settings if settings.rows else None,
        tuple(remarks),
    )


_Pairs = list[tuple[CodecResults, CodecResults]]


def _name(pair: tuple[CodecResults, CodecResults]) -> str:
    first, second = pair
    return first.name if first.name == second.name else f"{second.name} against {first.name}"


def _bd_table(
    a: Results, pairs: _Pairs, measures: list[str], method: Method, labels: tuple[str, str]
) -> Table:
    return Table(
        "bd",
        f"BD-rate of {labels[1]} against {labels[0]}, in per cent",
        "codec",
        tuple(
            Column(text.heading(m, a.titles[m]), text.split_key(m)[1] or "BD-rate %", "%") for m in measures
        ),
        tuple(
            (_name(pair), tuple(bd_value_cell(bd_rate_between(*pair, m, method)) for m in measures))
            for pair in pairs
        ),
    )


@dataclass(frozen=True)
class _Changed:
    """A point that differs between A and B, with its indices in A and B."""

    pair: tuple[CodecResults, CodecResults]
    i: int
    j: int


def _points(pairs: _Pairs, measures: list[str]) -> tuple[list[_Changed], int]:
    changed, same = [], 0
    for first, second in pairs:
        at = {(p.qp, p.scale): j for j, p in enumerate(second.positions) if not math.isnan(p.qp)}
        for i, p in enumerate(first.positions):
            j = at.get((p.qp, p.scale))
            if j is None:
                continue
            values = [(p.bpp, second.positions[j].bpp)]
            values += [
                (first.qualities[m][i], second.qualities[m][j]) for m in measures if _both(first, second, m)
            ]
            # A file may hold fewer digits than a store.
            if all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) or (x != x and y != y) for x, y in values):
                same += 1
            else:
                changed.append(_Changed((first, second), i, j))
    return changed, same


def _both(first: CodecResults, second: CodecResults, measure: str) -> bool:
    return measure in first.qualities and measure in second.qualities


def _points_table(changed: list[_Changed], measures: list[str], a: Results) -> Table:
    rows = []
    for c in changed:
        first, second = c.pair
        p, q = first.positions[c.i], second.positions[c.j]
        cells = [_number_cell(p.qp, "g"), _number_cell(p.scale, "d")]
        cells += [_number_cell(p.bpp, ".4f"), _number_cell(q.bpp, ".4f")]
        cells.append(_number_cell(100 * (q.bpp / p.bpp - 1), "+.2f"))
        for m in measures:
            if _both(first, second, m):
                digits = "+.3f" if m.split(":")[0] in _DECIBEL else "+.4f"
                cells.append(_number_cell(second.qualities[m][c.j] - first.qualities[m][c.i], digits))
            else:
                cells.append(Cell("–"))
        rows.append((_name(c.pair), tuple(cells)))
    return Table(
        "points",
        "Points that differ: rates, and the difference in quality",
        "codec",
        (
            Column("QP", "point"), Column("size", "point", "%"), Column("A", "bpp"), Column("B", "bpp"),
            Column("change %", "bpp"), *[Column(a.titles[m], "B − A") for m in measures],
        ),
        tuple(rows),
    )  # fmt: skip


_DECIBEL = ("psnr_y", "psnr_u", "psnr_v", "psnr_611", "ms_ssim", "features")


def _number_cell(value: float, digits: str) -> Cell:
    return (
        Cell("n/a", note="one of the two has no value")
        if math.isnan(value)
        else Cell(f"{value:{digits}}", value)
    )


def _only(labels: tuple[str, str], a: Results, b: Results, pairs: _Pairs) -> Iterator[str]:
    """Sentences about what only A or only B has."""
    for label, own, other, side in ((labels[0], a, b, 0), (labels[1], b, a, 1)):
        codecs = [c.name for c in own.codecs if c not in [pair[side] for pair in pairs]]
        if codecs:
            word = "codec" if len(codecs) == 1 else "codecs"
            yield f"Only {label} has the {word} {text.names_listed(codecs)}."
        measures = [k for k in own.titles if k not in other.titles]
        if measures:
            word = "measure" if len(measures) == 1 else "measures"
            yield f"Only {label} has the {word} {text.some(measures)}."
        for pair in pairs:
            here, there = ({(p.qp, p.scale) for p in pair[s].positions} for s in (side, 1 - side))
            if here - there and not any(math.isnan(qp) for qp, _ in here | there):
                points = [
                    f"QP {qp:g}" + ("" if size == 100 else f" at {size} %")
                    for qp, size in sorted(here - there)
                ]
                yield f"Only {label} has {text.quoted(_name(pair))} at {text.some(points)}."


def _settings(a: Results, b: Results, pairs: _Pairs) -> Table:
    rows: list[tuple[str, str, str, str]] = []
    if a.about and b.about:  # files of results have none
        rows += [("whole sweep", *row) for row in _differences(a.about, b.about) if row[0] not in _VOLATILE]
    for pair in pairs:
        first, second = (_about(codec) for codec in pair)
        if not (pair[0].settings and pair[1].settings):
            first, second = (
                {k: v for k, v in known.items() if k in first and k in second} for known in (first, second)
            )
        rows += [(_name(pair), *row) for row in _differences(first, second)]
    return Table(
        "settings",
        "Settings that differ",
        "codec",
        (Column("setting"), Column("A"), Column("B")),
        tuple((name, tuple(Cell(str(word)) for word in words)) for name, *words in rows),
    )


def _about(codec: CodecResults) -> dict[str, Any]:
    """Engine, version and hash of a codec if they are known, and its settings if the source has them."""
    known = {"engine": codec.engine, "version": codec.version, "settings hash": codec.settings_hash}
    return {key: value for key, value in known.items() if value} | dict(codec.settings)


def _differences(
    a: Mapping[str, Any], b: Mapping[str, Any], above: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Keys (dotted) whose values differ, with both values."""
    for key in [*a, *[k for k in b if k not in a]]:
        x, y, name = a.get(key), b.get(key), f"{above}{key}"
        if isinstance(x, Mapping) or isinstance(y, Mapping):
            inside = [v if isinstance(v, Mapping) else {} for v in (x, y)]
            yield from _differences(inside[0], inside[1], f"{name}.")
        elif x != y:
            yield name, _shown(x), _shown(y)


def _shown(value: Any) -> str:
    return "–" if value is None else " ".join(str(value).split())


def rendered(comparison: Comparison, suffix: str, sources: tuple[str, str]) -> str:
    """A comparison as the text of a file: ".html", ".md" or ".csv" (all tables)."""
    title = f"{Path(sources[1]).name} against {Path(sources[0]).name}"
    if suffix == ".html":
        from idse.report.page import environment

        found = environment({}).get_template("compare.html")
        return found.render(title=title, comparison=comparison, sources=sources)
    if suffix == ".md":
        from idse.report.exports.markdown import markdown

        return markdown(
            title, comparison.tables, f"A: {sources[0]}. B: {sources[1]}. {' '.join(comparison.remarks)}"
        )
    from idse.report.exports.csv_files import table_csv

    return "\n".join(table_csv(t) for t in comparison.tables)
