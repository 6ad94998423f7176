"""`idse eval`: measures one codec over a data set, point by point."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table as RichTable

from idse.cli.options import numbers
from idse.cli.output import note
from idse.cli.sweeping import run_plan
from idse.media.files import check_writable, write_bytes

if TYPE_CHECKING:
    from idse.report.tables import Table

_WIDE = 240
"""Width of the table in a file or a pipe, so that every figure stays on one line."""


def eval_(
    target: Annotated[
        str,
        typer.Argument(
            metavar="CODEC",
            help="A trained codec (.idsec), the folder of its training, or an engine: native, x265:preset=slow.",
        ),
    ],
    images: Annotated[Path, typer.Option("--images", help="Folder of pictures, or a sequence.")],
    annotations: Annotated[Path | None, typer.Option("--annotations", help="COCO's annotation file.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="coco, cityscapes, folder or sequence.")] = None,
    detector: Annotated[
        list[str] | None, typer.Option("--detector", help="FILE.onnx or a torchvision model's name; may be repeated.")
    ] = None,
    task_model: Annotated[
        list[str] | None,
        typer.Option(
            "--task-model",
            help="DETECTOR=FILE-{qp}.onnx: fine-tuned weights for the decoded pictures; may be repeated.",
        ),
    ] = None,
    qp: Annotated[
        str | None,
        typer.Option("--qp", help="QPs or points, separated by commas (default: all points of a trained codec)."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", help="Maximum number of pictures.")] = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", "-o", help="Keep the results in this SQLite file, for idse report."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Number of processes (default: one per CPU).")
    ] = None,
    json_: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file in CompressAI's format.")
    ] = None,
) -> None:
    """Measure one codec over a data set: rate, estimated rate, fidelity, detections, times."""
    from idse.report.evaluation import estimate_line, evaluation_json, evaluation_table
    from idse.study.evaluation import Wanted, evaluation_plan, read_evaluation, task_model_hint
    from idse.sweeps.store import Store

    wanted = Wanted(
        target=target,
        images=images,
        annotations=annotations,
        kind=kind,
        detectors=detector or (),
        task_models=task_model or (),
        qps=() if qp is None else numbers("--qp", qp, int),
        limit=limit,
    )
    plan = evaluation_plan(wanted)
    if hint := task_model_hint(wanted):
        note(f"note: {hint}")
    if json_ is not None:
        check_writable(json_)
    with tempfile.TemporaryDirectory(prefix="idse-eval-") as folder:
        path = store or Path(folder) / "eval.sqlite"
        run_plan(plan, path, jobs, temporary=store is None)
        with Store(path, create=False) as opened:
            evaluation = read_evaluation(opened, plan.name)
    _print(evaluation_table(evaluation))
    if line := estimate_line(evaluation):
        print(line)
    if json_ is not None:
        write_bytes(json_, (json.dumps(evaluation_json(evaluation), indent=2) + "\n").encode())


def _print(table: Table) -> None:
    shown = RichTable(title=table.caption)
    shown.add_column(table.corner)
    for column in table.columns:
        unit = f"\n{column.unit}" if column.unit else ""
        shown.add_column(f"{column.group}\n{column.title}{unit}", justify="right")
    for name, cells in table.rows:
        shown.add_row(name, *[cell.text for cell in cells])
    console = Console()
    (console if console.is_terminal else Console(width=_WIDE)).print(shown)
