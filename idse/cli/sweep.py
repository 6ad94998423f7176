"""`idse sweep`: codecs x QPs x sizes x pictures, measured and kept."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from idse.cli.output import note
from idse.errors import IdseError

if TYPE_CHECKING:
    from distributed import Client

    from idse.experiments.sweeps.estimate import Row
    from idse.experiments.sweeps.plan import Plan
    from idse.experiments.sweeps.preparation import Prepared

_DATA, _WHAT, _RUN = "Instead of a plan: data", "Instead of a plan: what is measured", "Running"


def sweep(
    plan: Annotated[
        Path | None, typer.Argument(help="A plan (TOML); or say with options what is wanted.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", "-o", help="Results (SQLite); else the plan's name with .sqlite."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Processes; else one a CPU.", rich_help_panel=_RUN)
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", help="Dask scheduler: tcp://host:8786, or its JSON file.", rich_help_panel=_RUN
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.", rich_help_panel=_RUN)
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Folder of pictures, or a sequence.", rich_help_panel=_DATA),
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option("--annotations", help="COCO's annotation file.", rich_help_panel=_DATA)
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="coco, cityscapes, folder or sequence.", rich_help_panel=_DATA),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", help="So many pictures at most.", rich_help_panel=_DATA)
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option("--detector", help="FILE.onnx or torchvision's name; repeat.", rich_help_panel=_WHAT),
    ] = None,
    codec: Annotated[
        list[str] | None,
        typer.Option(
            "--codec", help="native, x265:preset=slow, low=native:preset=0; repeat.", rich_help_panel=_WHAT
        ),
    ] = None,
    qp: Annotated[
        str, typer.Option("--qp", help="QPs, joined by commas.", rich_help_panel=_WHAT)
    ] = "27,32,37,42,47",
    scale: Annotated[str, typer.Option("--scale", help="Sizes in per cent.", rich_help_panel=_WHAT)] = "100",
    importance: Annotated[
        list[str] | None,
        typer.Option(
            "--importance",
            help="Further rows of native and vtm: embedded, activity, FILE.onnx or torchvision's name; repeat.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    proj_dim: Annotated[
        str | None,
        typer.Option("--proj-dim", help="Rows of the sketch, joined by commas.", rich_help_panel=_WHAT),
    ] = None,
    tau: Annotated[
        str | None, typer.Option("--tau", help="Values of tau, joined by commas.", rich_help_panel=_WHAT)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the maps.", rich_help_panel=_WHAT)] = 0,
    name: Annotated[
        str, typer.Option("--name", help="Of the sweep in the store.", rich_help_panel=_WHAT)
    ] = "sweep",
) -> None:
    """Measure codecs over a data set: rate, PSNR, MS-SSIM, features, detections. What is there is not done again."""
    from idse.experiments.sweeps.flags import Flags, plan_text
    from idse.experiments.sweeps.plan import parse_plan, read_plan

    if (plan is None) == (images is None):
        raise IdseError("give a plan (idse sweep plan.toml), or --images with the other options")
    if plan is not None:
        wanted, path = read_plan(plan), store or plan.with_suffix(".sqlite")
    else:
        assert images is not None
        flags = Flags(
            images=images,
            annotations=annotations,
            kind=kind,
            detectors=detector or (),
            codecs=codec or ("native",),
            qps=_numbers("--qp", qp, int),
            scales=_numbers("--scale", scale, int),
            importance=importance or (),
            proj_dims=() if proj_dim is None else _numbers("--proj-dim", proj_dim, int),
            taus=() if tau is None else _numbers("--tau", tau, float),
            limit=limit,
            seed=seed,
            name=name,
        )
        wanted, path = parse_plan(plan_text(flags), Path.cwd(), name), store or Path(f"{name}.sqlite")
    if jobs is not None and jobs < 1:
        raise IdseError(f"--jobs {jobs}: must be at least 1")
    if jobs is not None and scheduler is not None:
        raise IdseError("--jobs is for this machine, --scheduler for a cluster: give one of them")
    _run(wanted, path, jobs, scheduler, dry_run)


def _run(plan: Plan, path: Path, jobs: int | None, scheduler: str | None, dry_run: bool) -> None:
    from idse.experiments.sweeps import cluster, local
    from idse.experiments.sweeps.estimate import estimate
    from idse.experiments.sweeps.preparation import prepare
    from idse.experiments.sweeps.running import describe, run
    from idse.experiments.sweeps.store import Store

    client = cluster.connect(scheduler) if scheduler else None
    try:
        new = not path.exists()
        with Store(path) as store:
            try:
                prepared = prepare(plan, store)
            except BaseException:
                if new:
                    store.discard()
                raise
            for text in prepared.notes:
                note(f"note: {text}")
            workers = (
                _workers(client)
                if client
                else min(jobs or local.available_cpus(), max(1, len(prepared.jobs)))
            )
            _print_plan(prepared, estimate(prepared, store), path, workers)
            if dry_run or not prepared.jobs:
                return
            executor = (
                cluster.cluster_executor(plan, client) if client else local.local_executor(plan, workers)
            )
            with _Progress(len(prepared.jobs)) as progress:
                failures = run(
                    prepared,
                    store,
                    executor,
                    lambda done, job, failed: progress(done, describe(prepared, job), failed),
                )
    except KeyboardInterrupt:
        note(f"note: what was measured is kept in {path}; the same command goes on from there")
        raise
    finally:
        if client:
            client.close()
    for failure in failures:
        note(f"failed: {failure}")
    if failures:
        raise IdseError(
            f"{len(failures)} of {len(prepared.jobs)} jobs failed; the same command tries them again"
        )
    print(f"{path}: all {prepared.total} cells of '{plan.name}' are there; idse report {path} -o report.html")


def _workers(client: Client) -> int:
    threads = sum(client.nthreads().values())
    if threads == 0:
        note("note: the cluster has no worker yet; jobs wait for one")
    return max(1, threads)


def _print_plan(prepared: Prepared, rows: list[Row], path: Path, workers: int) -> None:
    plan = prepared.plan
    table = Table(title=f"{plan.name}: {prepared.items} items, {prepared.total} cells in {path}")
    for title in ("codec", "points", "cells", "to do", "CPU time"):
        table.add_column(title, justify="left" if title == "codec" else "right")
    points = {c.name: f"{len(c.qps)} QP x {len(c.scales)}" for c in plan.codecs}
    for row in rows:
        mark = "" if row.measured or not row.missing else "~"
        table.add_row(
            row.codec,
            points.get(row.codec, ""),
            str(row.cells),
            str(row.missing),
            mark + _duration(row.seconds),
        )
    Console(stderr=True).print(table)
    total = sum(row.seconds for row in rows)
    kept = f", {prepared.kept} there already" if prepared.kept else ""
    rough = " (~: a rough guess, nothing of that codec is measured yet)" if any(
        r.missing and not r.measured and r.codec in points for r in rows
    ) else ""  # fmt: skip
    note(
        f"{len(prepared.jobs)} jobs{kept}; about {_duration(total / workers)} on {workers} "
        f"process{'es' if workers > 1 else ''}{rough}"
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class _Progress:
    """A bar on a terminal, a line now and then elsewhere."""

    def __init__(self, total: int) -> None:
        self._total, self._live = total, sys.stderr.isatty()

    def __enter__(self) -> _Progress:
        if self._live:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}"),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task("", total=self._total)
            self._bar.start()
        else:
            from idse.experiments.progress import Progress as Lines

            self._lines = functools.partial(Lines("jobs", self._total))
        return self

    def __call__(self, done: int, what: str, failed: int) -> None:
        words = what + (f"; {failed} failed" if failed else "")
        if self._live:
            self._bar.update(self._task, completed=done, description=words)
        else:
            self._lines(done, f"; {words}")

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._bar.stop()


def _numbers(option: str, text: str, kind: type[Any]) -> list[Any]:
    try:
        return [kind(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise IdseError(f"{option} '{text}': must be numbers, joined by commas") from None
