"""The tables of the report as plain values; the page and the exports render them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from idse.report import text

if TYPE_CHECKING:
    from idse.metrics.bd_rate import BdRate, Method
    from idse.study import Figure, Measure, Study

LOW_OVERLAP = 0.5
"""A BD-rate of curves that share less of their quality range than this gets a note."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        value: The number; None if the cell has none.
        half: Half of the interval.
        text: The text that is shown.
        tone: "win" or "loss" if more bytes are saved or lost than the interval.
        note: The reason why there is no figure, or a caution about it.
    """

    text: str
    value: float | None = None
    half: float | None = None
    tone: str = ""
    note: str = ""

    @property
    def is_word(self) -> bool:
        """Whether the cell is a text and not a figure, present or missing."""
        return self.value is None and not self.note and self.text not in ("n/a", "–")


@dataclass(frozen=True)
class Column:
    """A column's heading, the heading of its group, and its unit."""

    title: str
    group: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """A table of figures.

    Attributes:
        key: Names the table in links and files.
        caption: The caption.
        corner: Heading of the first column.
        columns: Headings of the other columns.
        rows: The name and the cells of each row.
        codec_rows: Whether the rows' names are codecs; otherwise those of the columns may be.
        short: A short title.
    """

    key: str
    caption: str
    corner: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    codec_rows: bool = True
    short: str = ""

    @property
    def notes(self) -> dict[str, int]:
        """Every different note, with its number."""
        found = dict.fromkeys(cell.note for _, cells in self.rows for cell in cells if cell.note)
        return {note: i for i, note in enumerate(found, 1)}

    @property
    def is_text(self) -> bool:
        """Whether all cells are texts."""
        return all(cell.is_word for _, cells in self.rows for cell in cells)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The groups of neighbouring columns: name and number of columns."""
        found: list[tuple[str, int]] = []
        for column in self.columns:
            if found and found[-1][0] == column.group:
                found[-1] = (column.group, found[-1][1] + 1)
            else:
                found.append((column.group, 1))
        return found

    @property
    def starts(self) -> set[int]:
        """Indices of the columns that begin a group, without the first column."""
        return {i for i in range(1, len(self.columns)) if self.columns[i].group != self.columns[i - 1].group}


def bd_cell(figure: Figure) -> Cell:
    """A BD-rate with its interval as a cell."""
    return bd_value_cell(figure.value, figure.half)


def bd_value_cell(found: BdRate, half: float | None = None) -> Cell:
    """A BD-rate as a cell."""
    value = found.percent
    if value is None:
        return Cell("n/a", note=found.reason)
    tone = "" if half is None or abs(value) <= half else "win" if value < 0 else "loss"
    low = found.overlap < LOW_OVERLAP
    note = f"the curves share only {100 * found.overlap:.0f} % of their quality range" if low else ""
    return Cell(text.percent(value, half), value, half, tone, note)


def bd_tables(study: Study, anchor: str, method: Method = "pchip") -> list[Table]:
    """BD-rates against an anchor: fidelity and time, then a table for each detector."""
    tests = [c.name for c in study.codecs if c.name != anchor]
    fidelity = [m for m in study.measures if m.group == "fidelity"]
    figures = _figures(study, anchor, tests, fidelity, method)
    tables = [
        Table(
            "fidelity",
            f"BD-rate against {anchor} at equal PSNR or MS-SSIM, in per cent; CPU time in per cent of the anchor's",
            "codec",
            (*[_column(m, "BD-rate %") for m in fidelity], *_TIME_COLUMNS),
            tuple((test, (*figures[test], *_times(study, anchor, test))) for test in tests),
        )
    ]
    for detector in study.detectors:
        measures = [m for m in study.measures if m.detector == detector and m.group != "classes"]
        tables.append(
            Table(
                f"detector-{text.slug(detector)}",
                f"BD-rate against {anchor} at equal quality measured with {detector}, in per cent",
                "codec",
                tuple(_column(m, "") for m in measures),
                tuple(_figures(study, anchor, tests, measures, method).items()),
            )
        )
    return tables


def _figures(
    study: Study, anchor: str, tests: Sequence[str], measures: Sequence[Measure], method: Method
) -> dict[str, tuple[Cell, ...]]:
    """BD-rates by codec; if some have an interval, those without one get a note."""
    rows = {t: [bd_cell(study.figure(anchor, t, m.key, method)) for m in measures] for t in tests}
    if any(c.half is not None for row in rows.values() for c in row):
        for row in rows.values():
            row[:] = [_without_interval(c) if c.value is not None and c.half is None else c for c in row]
    return {test: tuple(row) for test, row in rows.items()}


def _without_interval(cell: Cell) -> Cell:
    why = "no interval: too few resamples have a BD-rate"
    return dataclasses.replace(cell, note=f"{cell.note}; {why}" if cell.note else why)


_TIME_COLUMNS = (
    Column("EncT %", "CPU time"),
    Column("DecT %", "CPU time"),
    Column("map s/MP", "CPU time"),
)


def _column(measure: Measure, group: str) -> Column:
    return Column(text.heading(measure.key, measure.title), group, "%")


def _times(study: Study, anchor: str, test: str) -> tuple[Cell, ...]:
    """Encoding and decoding time in per cent of the anchor's, and the time for maps in seconds per megapixel."""
    shown = [_number(v, "0f", "there are no times to compare") for v in study.time_percent(anchor, test)]
    times = study.times(test)
    if times.map_cpu <= 0 or times.megapixels <= 0:
        return (*shown, Cell("–"))
    return (*shown, _number(times.map_cpu / times.megapixels, "2f", ""))


def _number(value: float | None, digits: str, reason: str) -> Cell:
    if value is None or not math.isfinite(value):
        return Cell("n/a", note=reason)
    return Cell(f"{value:.{digits}}", value)


def per_picture_table(study: Study, anchor: str) -> Table:
    """Means of the BD-rates of single pictures, with the number of pictures that have one."""
    measures = [m for m in study.measures if m.group in ("fidelity", "features")]
    rows = []
    for codec in study.codecs:
        if codec.name == anchor:
            continue
        cells = []
        for measure in measures:
            mean, count = study.per_picture(anchor, codec.name, measure.key)
            if count == 0 or not math.isfinite(mean):
                cells.append(Cell("n/a", note="no single picture has a BD-rate"))
            else:
                cells.append(Cell(f"{text.percent(mean)} ({count})", mean))
        rows.append((codec.name, tuple(cells)))
    return Table(
        "per-picture",
        f"Mean of the BD-rates of single pictures against {anchor}, in per cent (number of pictures)",
        "codec",
        tuple(_column(m, text.split_key(m.key)[1] or "BD-rate %") for m in measures),
        tuple(rows),
    )


def class_tables(study: Study, anchor: str, method: Method = "pchip") -> list[Table]:
    """BD-rates by class: a table for each detector and for boxes and masks; tables without a BD-rate are left out."""
    tests = [c.name for c in study.codecs if c.name != anchor]
    by_kind: dict[tuple[str, str], list[tuple[str, Measure]]] = {}
    for measure in study.measures:
        if measure.group == "classes":
            kind, detector, name = text.split_key(measure.key)
            by_kind.setdefault((detector, kind), []).append((name, measure))
    tables = []
    for (detector, kind), classes in by_kind.items():
        word = "masks" if kind.endswith("mask") else "boxes"
        rows = []
        for name, measure in classes:
            cells = tuple(bd_cell(study.figure(anchor, test, measure.key, method)) for test in tests)
            if any(cell.value is not None for cell in cells):
                rows.append((name, cells))
        without = len(classes) - len(rows)
        mean = next(
            (m for m in study.measures if m.key == f"map_{kind.removeprefix('class_')}:{detector}"), None
        )
        if mean is not None and rows:
            rows.insert(
                0, ("all classes", tuple(bd_cell(study.figure(anchor, t, mean.key, method)) for t in tests))
            )
        remark = (
            f"; {text.plural(without, 'class', 'classes')} without a BD-rate not shown" if without else ""
        )
        tables.append(
            Table(
                f"class-{text.slug(detector)}-{word}",
                f"BD-rate against {anchor} by class, AP of {detector}'s {word}, in per cent{remark}",
                "class",
                tuple(Column(test, "", "%") for test in tests),
                tuple(rows),
                codec_rows=False,
                short=f"{detector}, {word}",
            )
        )
    return [table for table in tables if table.rows]


def points_table(study: Study, codecs: Sequence[str] | None = None) -> Table:
    """The points of the curves, without the measures of single classes."""
    measures = [m for m in study.measures if m.group != "classes"]
    rows = []
    for codec in study.codecs:
        if codecs is not None and codec.name not in codecs:
            continue
        columns = [study.points(codec.name, m.key) for m in measures]
        for i, point in enumerate(columns[0] if columns else []):
            rows.append(
                (
                    codec.name,
                    (
                        Cell(f"{point.qp:g}", point.qp),
                        Cell(f"{point.scale}", point.scale),
                        Cell(f"{point.bpp:.4f}", point.bpp),
                        *[
                            _quality(m, column[i].quality)
                            for m, column in zip(measures, columns, strict=True)
                        ],
                    ),
                )
            )
    return Table(
        "points",
        "Points of the curves: bits per luma sample of the original (bpp), over all pictures",
        "codec",
        (
            Column("QP", "point"), Column("size", "point", "%"), Column("bpp", "point"),
            *[Column(text.heading(m.key, m.title).replace("BD-", "PSNR "), m.detector or "fidelity", m.unit)
              for m in measures],
        ),
        tuple(rows),
    )  # fmt: skip


def _quality(measure: Measure, value: float) -> Cell:
    return _number(value, "2f" if measure.unit == "dB" else "4f", "no objects to detect")
