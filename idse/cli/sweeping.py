"""Runs a plan from the command line: prints the work that is left, the progress and the failures."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from idse.cli.output import note
from idse.errors import IdseError

if TYPE_CHECKING:
    from distributed import Client

    from idse.sweeps.estimate import Row
    from idse.sweeps.plan import Plan
    from idse.sweeps.preparation import Prepared


def run_plan(
    plan: Plan,
    path: Path,
    jobs: int | None = None,
    scheduler: str | None = None,
    dry_run: bool = False,
    temporary: bool = False,
) -> Prepared:
    """Measure what is missing in a plan's store; progress goes to standard error.

    Args:
        plan: What is measured.
        path: The store. It is created if it is missing, and then removed again if the plan cannot be prepared.
        jobs: Number of processes on this machine; None means one per CPU.
        scheduler: Address of a Dask scheduler to use instead of processes on this machine.
        dry_run: Only print what would be done.
        temporary: The caller deletes the store afterwards.

    Raises:
        IdseError: The plan cannot be run, or jobs failed.
    """
    if jobs is not None and jobs < 1:
        raise IdseError(f"--jobs {jobs}: must be at least 1")
    if jobs is not None and scheduler is not None:
        raise IdseError("--jobs is for this machine, --scheduler for a cluster: give one of them")
    from idse.sweeps import cluster, local
    from idse.sweeps.estimate import estimate
    from idse.sweeps.preparation import prepare
    from idse.sweeps.running import describe, run
    from idse.sweeps.store import Store

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
            where = "a temporary store" if temporary else str(path)
            _print_plan(prepared, estimate(prepared, store), where, workers)
            if dry_run or not prepared.jobs:
                return prepared
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
        if not temporary:
            note(f"note: results so far are kept in {path}; run the same command to continue")
        raise
    finally:
        if client:
            client.close()
    for failure in failures:
        note(f"failed: {failure}")
    if failures:
        raise IdseError(
            f"{len(failures)} of {len(prepared.jobs)} jobs failed; run the same command to try them again"
        )
    return prepared


def _workers(client: Client) -> int:
    threads = sum(client.nthreads().values())
    if threads == 0:
        note("note: the cluster has no worker yet; jobs wait until there is one")
    return max(1, threads)


def _print_plan(prepared: Prepared, rows: list[Row], where: str, workers: int) -> None:
    plan = prepared.plan
    table = Table(title=f"{plan.name}: {prepared.items} items, {prepared.total} cells in {where}")
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
    kept = f", {prepared.kept} already in the store" if prepared.kept else ""
    rough = " (~: a rough estimate, nothing of that codec is measured yet)" if any(
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
    """A progress bar on a terminal; elsewhere, a line from time to time."""

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
            from idse.progress import Progress as Lines

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
