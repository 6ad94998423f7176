"""CSV: the points of the curves (what `idse compare` reads), and the tables."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

from idse.errors import IdseError
from idse.report.results import CodecResults, Position, Results
from idse.report.tables import Table

if TYPE_CHECKING:
    from idse.metrics.bd_rate import Method
    from idse.study import Study

_FIXED = ("codec", "engine", "version", "settings_hash", "qp", "scale", "bpp")


def points_csv(results: Results) -> str:
    """One row for each point and one column for each measure, with all digits."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*_FIXED, *results.titles])
    for codec in results.codecs:
        for i, p in enumerate(codec.positions):
            qualities = [codec.qualities[key][i] for key in results.titles]
            writer.writerow(
                [
                    codec.name, codec.engine, codec.version, codec.settings_hash, f"{p.qp:g}", p.scale, repr(p.bpp),
                    *["" if math.isnan(q) else repr(q) for q in qualities],
                ]
            )  # fmt: skip
    return file.getvalue()


def read_points_csv(path: Path) -> Results:
    """Read what `points_csv` wrote; it does not contain settings.

    Raises:
        IdseError: The file is not such a CSV file.
    """
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise IdseError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not rows or tuple(rows[0][: len(_FIXED)]) != _FIXED:
        raise IdseError(f"{path}: not a CSV file of results: its first line must begin with {','.join(_FIXED)}")
    measures = rows[0][len(_FIXED) :]
    found: dict[str, list[list[str]]] = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise IdseError(f"{path}: line {number} has {len(row)} fields, the first line has {len(rows[0])}")
        found.setdefault(row[0], []).append(row)
    codecs = []
    for name, own in found.items():
        try:
            positions = tuple(Position(float(r[4]), int(r[5]), float(r[6])) for r in own)
            qualities = {
                key: tuple(float(r[len(_FIXED) + k] or "nan") for r in own) for k, key in enumerate(measures)
            }
        except ValueError as error:
            raise IdseError(f"{path}: codec '{name}': {error}") from None
        codecs.append(CodecResults(name, own[0][1], own[0][2], own[0][3], positions, qualities))
    return Results(path.name, {key: key for key in measures}, tuple(codecs))


def table_csv(table: Table) -> str:
    """A table as CSV, with intervals and notes in columns of their own."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    halves = [any(cells[k].half is not None for _, cells in table.rows) for k in range(len(table.columns))]
    head = [table.corner]
    for column, has_half in zip(table.columns, halves, strict=True):
        group = "" if column.group in ("", "BD-rate %", "point") else f"{column.group} "
        name = f"{group}{column.title}" + (f" [{column.unit}]" if column.unit else "")
        head += [name, f"{name} ±"] if has_half else [name]
    writer.writerow([*head, "remarks"])
    for name, cells in table.rows:
        row = [name]
        for cell, has_half in zip(cells, halves, strict=True):
            row.append(cell.text if cell.is_word else "" if cell.value is None else f"{cell.value:.6g}")
            if has_half:
                row.append("" if cell.half is None else f"{cell.half:.4g}")
        remarks = [
            f"{column.group} {column.title}: {cell.note}".strip()
            for column, cell in zip(table.columns, cells, strict=True)
            if cell.note
        ]
        writer.writerow([*row, "; ".join(remarks)])
    return file.getvalue()


def figures_csv(study: Study, anchor: str, method: Method = "pchip") -> str:
    """All BD-rates against an anchor, one row for each codec and measure; `reason` says why there is none."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["anchor", "codec", "measure", "bd_rate_percent", "half_interval", "overlap", "reason"])
    for codec in study.codecs:
        for measure in study.measures if codec.name != anchor else []:
            found = study.figure(anchor, codec.name, measure.key, method)
            value = found.value
            writer.writerow(
                [
                    anchor, codec.name, measure.key, "" if value.percent is None else f"{value.percent:.6g}",
                    "" if found.half is None else f"{found.half:.4g}", f"{value.overlap:.4g}", value.reason,
                ]
            )  # fmt: skip
    return file.getvalue()
