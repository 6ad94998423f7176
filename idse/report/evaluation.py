"""An evaluation of one codec as a table and as CompressAI's JSON."""

from __future__ import annotations

import math
from typing import Any

from idse.report.exports.compressai import compressai
from idse.report.results import CodecResults, Position
from idse.report.tables import Cell, Column, Table
from idse.study.evaluation import EvaluatedPoint, Evaluation

_HEADINGS = {
    "psnr_y": "PSNR Y",
    "ms_ssim": "MS-SSIM",
    "features": "features",
    "pseudo_ap": "AP vs uncompressed",
    "map_box": "mAP boxes",
    "map_mask": "mAP masks",
    "wap_box": "wAP boxes",
    "wap_mask": "wAP masks",
}


def evaluation_table(evaluation: Evaluation) -> Table:
    """One row for each point by falling rate; the first row is that of the uncompressed pictures, if known."""
    columns = [
        Column("bpp", "rate"),
        Column("estimate error", "rate", "%"),
        *[Column(_HEADINGS[m.kind], m.detector or "fidelity", m.unit) for m in evaluation.measures],
        Column("encode", "CPU time", "s/MP"),
        Column("decode", "CPU time", "s/MP"),
    ]
    rows = [(point.label, _cells(evaluation, point)) for point in evaluation.points]
    if evaluation.uncompressed:
        of = [evaluation.uncompressed.get(m.key, math.nan) for m in evaluation.measures]
        rows.insert(0, ("uncompressed", (*[_cell(v, 4) for v in (math.nan, math.nan, *of, math.nan, math.nan)],)))
    return Table(
        "evaluation",
        f"{evaluation.name} over {evaluation.pictures} pictures",
        "point",
        tuple(columns),
        tuple(rows),
        codec_rows=False,
    )


def estimate_line(evaluation: Evaluation) -> str:
    """A sentence on the error of the entropy model's estimated rate; empty if there is no estimate."""
    if evaluation.mean_error is None:
        return ""
    difference = f"{evaluation.mean_error:.2f} %"
    return f"estimated and real rate differ by {difference} on average over {evaluation.streams} streams"


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """`{name, description, results: {bpp: [...], psnr-y: [...], ...}}` by rising rate.

    `encoding_time` and `decoding_time` are CPU seconds per picture; `estimated_bpp` is the rate that the
    entropy model estimates.
    """
    points = evaluation.points[::-1]
    codec = CodecResults(
        name=evaluation.name,
        engine=evaluation.engine,
        version=evaluation.version,
        settings_hash=evaluation.settings_hash,
        positions=tuple(Position(p.qp, 100, p.bpp) for p in points),
        qualities={m.key: tuple(p.qualities[m.key] for p in points) for m in evaluation.measures},
    )
    written = compressai(codec)
    of_picture = evaluation.megapixels / evaluation.pictures
    further: dict[str, list[float | None]] = {
        "encoding_time": [p.encode_seconds * of_picture for p in points],
        "decoding_time": [p.decode_seconds * of_picture for p in points],
        "encode_cpu_per_megapixel": [p.encode_seconds for p in points],
        "decode_cpu_per_megapixel": [p.decode_seconds for p in points],
    }
    if evaluation.mean_error is not None:
        further["estimated_bpp"] = [p.estimated_bpp for p in points]
    for key, values in further.items():
        written["results"][key] = [v if v is not None and math.isfinite(v) else None for v in values]
    return written


def _cells(evaluation: Evaluation, point: EvaluatedPoint) -> tuple[Cell, ...]:
    error = point.estimate_error
    return (
        _cell(point.bpp, 4),
        Cell("–") if error is None else Cell(f"{error:+.2f}", error),
        *[_cell(point.qualities[m.key], 2 if m.unit == "dB" else 4) for m in evaluation.measures],
        _cell(point.encode_seconds, 3),
        _cell(point.decode_seconds, 3),
    )


def _cell(value: float, digits: int) -> Cell:
    if math.isnan(value):
        return Cell("–")
    return Cell("lossless" if math.isinf(value) else f"{value:.{digits}f}", value)
