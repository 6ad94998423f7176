"""Plain tables of figures."""

from __future__ import annotations

from collections.abc import Sequence

from idse.experiments.evaluation import Evaluation


def align(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines: the first column left, the others right; the first row is underlined."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def against(evaluation: Evaluation, anchor: str, names: Sequence[str]) -> str:
    """BD-rates of several configurations against one, in per cent; negative saves bytes."""
    rows = [["BD-rate %, against " + anchor, *evaluation.measures, "bytes"]]
    for name in names:
        if name == anchor:
            continue
        cells = [str(evaluation.figure(anchor, name, measure)) for measure in evaluation.measures]
        rows.append([name, *cells, f"x{evaluation.bytes_ratio(anchor, name):.3f}"])
    return align(rows)


def verdicts(evaluation: Evaluation, control: str, names: Sequence[str]) -> str:
    """The same against a control, marked where bytes are saved by more than the bootstrap interval (*)."""
    rows = [["BD-rate %, against " + control, *evaluation.measures]]
    for name in names:
        if name == control:
            continue
        figures = [evaluation.figure(control, name, measure) for measure in evaluation.measures]
        rows.append([name, *[f"{f}{'*' if f.wins else ' '}" for f in figures]])
    return align(rows)


def per_picture(evaluation: Evaluation, anchor: str, names: Sequence[str]) -> str:
    """Means of the pictures' own BD-rates, with the number of pictures that have one."""
    measures = [m for m in evaluation.measures if not m.startswith("p")]
    rows = [["mean of per-picture BD-rates %, against " + anchor, *measures]]
    for name in names:
        if name == anchor:
            continue
        values = [evaluation.per_picture(anchor, name, measure) for measure in measures]
        rows.append([name, *[f"{mean:+.1f} ({count})" for mean, count in values]])
    return align(rows)


def points(evaluation: Evaluation, names: Sequence[str]) -> str:
    """The curves behind the BD-rates: bytes per picture and quality at every QP."""
    rows = [["configuration", "QP", "bytes/picture", *evaluation.measures]]
    for name in names:
        curves = [evaluation.curve(name, measure) for measure in evaluation.measures]
        for i, qp in enumerate(evaluation.qps):
            quality = [
                f"{q[i]:.3f}" if measure.startswith("p") else f"{q[i]:.2f}"
                for measure, (_, q) in zip(evaluation.measures, curves, strict=True)
            ]
            rows.append([name, str(qp), f"{curves[0][0][i] / len(evaluation.pictures):.0f}", *quality])
    return align(rows)
