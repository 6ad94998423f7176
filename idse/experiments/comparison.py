"""Rows of a table from a sweep that may not be done: each over the pictures that it and the anchor have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from idse.experiments.evaluation import Evaluation, Figure
from idse.experiments.measurement import Measurement
from idse.experiments.store import Store

Cells = dict[tuple[str, int], Measurement]


@dataclass(frozen=True)
class Row:
    """A configuration against the anchor.

    Attributes:
        name: Of the configuration.
        pictures: Names of those that both have at every QP.
        figures: BD-rates by measure; none without pictures.
        bytes_ratio: Bytes over the anchor's.
        cpu_ratio: CPU seconds of the encodes over the anchor's.
        weighted_share: Mean share of the distortions that were weighted, where the engine says so.
        chroma_qp: Mean Cb and Cr QP offsets.
    """

    name: str
    pictures: list[str]
    figures: dict[str, Figure]
    bytes_ratio: float = math.nan
    cpu_ratio: float = math.nan
    weighted_share: float | None = None
    chroma_qp: tuple[float, ...] = ()


def compare(
    store: Store,
    keys: Mapping[str, str],
    anchor: str,
    names: Sequence[str],
    pictures: Sequence[str],
    qps: Sequence[int],
    draws: int = 200,
    seed: int = 0,
) -> list[Row]:
    """A row for every configuration but the anchor.

    Args:
        store: What was measured.
        keys: Settings hash by configuration.
        anchor: Configuration that the BD-rates are against.
        names: Configurations.
        pictures: Names of the pictures that count, in order.
        qps: QPs of every curve.
        draws: Resamples of the bootstrap; one picture alone has no interval.
        seed: Of the bootstrap.
    """
    reference = _read(store, keys[anchor], anchor, pictures, qps)
    rows = []
    for name in names:
        if name == anchor:
            continue
        cells = _read(store, keys[name], name, pictures, qps)
        common = [p for p in pictures if (p, qps[0]) in reference and (p, qps[0]) in cells]
        rows.append(_row(anchor, name, reference, cells, common, qps, draws if len(common) > 1 else 0, seed))
    return rows


def _read(store: Store, key: str, name: str, pictures: Sequence[str], qps: Sequence[int]) -> Cells:
    """What the store has of the pictures that are there at every QP."""
    known = store.known(key, name)
    cells = {}
    for picture in pictures:
        if all((picture, qp) in known for qp in qps):
            for qp in qps:
                cell = store.get(key, picture, name, qp)
                assert cell is not None
                cells[picture, qp] = cell
    return cells


def _row(
    anchor: str,
    name: str,
    reference: Cells,
    cells: Cells,
    pictures: list[str],
    qps: Sequence[int],
    draws: int,
    seed: int,
) -> Row:
    if not pictures:
        return Row(name, [], {})
    evaluation = Evaluation(qps, pictures, {anchor: reference, name: cells}, {}, draws, seed, chroma=True)
    counted = [cells[p, q] for p in pictures for q in qps]
    shares = [m.weighted_share for m in counted if m.weighted_share is not None]
    offsets = [m.chroma_qp for m in counted]
    return Row(
        name,
        pictures,
        {measure: evaluation.figure(anchor, name, measure) for measure in evaluation.measures},
        evaluation.bytes_ratio(anchor, name),
        evaluation.cpu_ratio(anchor, name),
        sum(shares) / len(shares) if shares else None,
        tuple(sum(o) / len(o) for o in zip(*offsets, strict=True)),
    )


MEASURES = ("fYX", "fND", "PSNR", "PSNR U", "PSNR V")


def markdown(anchor: str, rows: Sequence[Row]) -> str:
    """Rows as a Markdown table; columns of measures as the rows have them."""
    measures = next((list(row.figures) for row in rows if row.figures), list(MEASURES))
    titles = ["PSNR Y" if m == "PSNR" else m for m in measures]
    head = [f"BD-rate %, against `{anchor}`", *titles, "bytes", "CPU", "chroma QP", "weighted", "pictures"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for row in rows:
        lines.append(
            [
                f"`{row.name}`",
                *[str(row.figures[m]) if m in row.figures else "-" for m in measures],
                "-" if math.isnan(row.bytes_ratio) else f"x{row.bytes_ratio:.3f}",
                "-" if math.isnan(row.cpu_ratio) else f"x{row.cpu_ratio:.3f}",
                " ".join(f"{o:+.1f}" for o in row.chroma_qp) or "-",
                "-" if row.weighted_share is None else f"{100 * row.weighted_share:.1f} %",
                str(len(row.pictures)),
            ]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
