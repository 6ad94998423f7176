"""`idse train`: trains a learned codec from a configuration."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idse.cli.output import note
from idse.errors import IdseError

if TYPE_CHECKING:
    from idse.learned.training.distributed import World
    from idse.learned.training.session import Session


def train(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration (TOML), or the folder of a run to continue.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the run (default: runs/NAME, by the configuration's name)."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", help="Continue a run, or from one of its checkpoints (later ones are deleted)."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where to compute: auto, cpu or cuda.")] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", help="Number of CPU threads (default: torch's).")
    ] = None,
    select_only: Annotated[
        bool, typer.Option("--select-only", help="Only choose the codec's points again.")
    ] = False,
) -> None:
    """Train a learned codec; the same command continues an interrupted run. Several GPUs: torchrun -m idse train ..."""
    if threads is not None and not 1 <= threads <= 1024:
        raise IdseError(f"--threads {threads}: must be 1..1024")
    from idse.learned.optional_dependencies import require_compressai

    require_compressai()
    import torch

    from idse.learned.training.distributed import world
    from idse.learned.training.session import open_session

    if threads is not None:
        torch.set_num_threads(threads)
    session = open_session(config, out, resume)
    if select_only and session.run.latest() is None:
        raise IdseError(f"{session.run.path}: has no checkpoint to choose from: train first")
    with world(device) as here, contextlib.ExitStack() as held:
        problem = None
        if here.main:  # the other processes wait for its result
            try:
                held.enter_context(session.run.locked())
                if not select_only:
                    session.begin()
            except IdseError as error:
                session.run.discard()
                problem = str(error)
        problem = here.broadcast(problem)
        if problem is not None:
            if here.main:
                raise IdseError(problem)
            raise typer.Exit(2)
        if not select_only:
            _fit(session, here)
        if here.main:
            _select(session)


def _fit(session: Session, here: World) -> None:
    from idse.learned.training.loop import Training
    from idse.learned.training.tracking import Tracker

    epochs, run = session.config.schedule.epochs, session.run
    try:
        training = Training(session.config, run, here)
    except BaseException:
        if here.main:
            run.discard()
        raise
    steps = training.steps
    if here.main and training.epoch:
        note(f"{run.path}: continues after epoch {training.epoch}")
    try:
        with Tracker(epochs * steps, training.epoch * steps, run.tensorboard, here.main) as tracker:
            training.fit(tracker)
    except KeyboardInterrupt:
        if here.main:
            note(f"note: checkpoints are kept in {run.path}; run the same command to continue")
        raise


def _select(session: Session) -> None:
    from idse.learned.training.selection import build_codec_file, pareto_points

    run, wanted = session.run, session.config.selection
    epochs = pareto_points(run.read_log(), wanted.metric, wanted.points, wanted.first, run.epochs())
    codec = build_codec_file(run, session.config, epochs)
    rates = [point.figures["bpp"] for point in codec.points]
    print(
        f"{run.codec}: {len(rates)} point{'s' if len(rates) > 1 else ''} of epoch{'s' if len(rates) > 1 else ''} "
        f"{', '.join(map(str, epochs))}; {min(rates):.3f}..{max(rates):.3f} bpp"
    )
