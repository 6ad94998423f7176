"""`idse sweep`: measures codecs x QPs x sizes x pictures, and keeps the results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from idse.cli.options import numbers
from idse.cli.sweeping import run_plan
from idse.engines.settings import TUNINGS
from idse.errors import IdseError
from idse.importance.settings import TARGETS

_DATA, _WHAT, _RUN = "Instead of a plan: data", "Instead of a plan: what is measured", "Running"


def sweep(
    plan: Annotated[
        Path | None, typer.Argument(help="A plan (TOML); without it, the options describe the sweep.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", "-o", help="File of the results, SQLite (default: the plan's name with .sqlite)."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", help="Number of processes (default: one per CPU).", rich_help_panel=_RUN),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", help="Dask scheduler: tcp://host:8786, or its JSON file.", rich_help_panel=_RUN
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would be done.", rich_help_panel=_RUN)
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
        int | None, typer.Option("--limit", help="Maximum number of pictures.", rich_help_panel=_DATA)
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option(
            "--detector", help="FILE.onnx or a torchvision model's name; may be repeated.", rich_help_panel=_WHAT
        ),
    ] = None,
    codec: Annotated[
        list[str] | None,
        typer.Option(
            "--codec", help="native, x265:preset=slow, low=native:preset=0; may be repeated.", rich_help_panel=_WHAT
        ),
    ] = None,
    qp: Annotated[
        str, typer.Option("--qp", help="QPs, separated by commas.", rich_help_panel=_WHAT)
    ] = "27,32,37,42,47",
    scale: Annotated[
        str, typer.Option("--scale", help="Picture sizes in per cent, separated by commas.", rich_help_panel=_WHAT)
    ] = "100",
    importance: Annotated[
        list[str] | None,
        typer.Option(
            "--importance",
            help="Also code with these maps (native and vtm): embedded, activity, FILE.onnx or a torchvision model's "
            "name; may be repeated.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            help=f"What detectors' maps preserve, separated by commas: {', '.join(TARGETS)}.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    proj_dim: Annotated[
        str | None,
        typer.Option("--proj-dim", help="Numbers of rows of the sketch, separated by commas.", rich_help_panel=_WHAT),
    ] = None,
    tau: Annotated[
        str | None, typer.Option("--tau", help="Values of tau, separated by commas.", rich_help_panel=_WHAT)
    ] = None,
    tuning: Annotated[
        str | None,
        typer.Option(
            "--tuning",
            help=f"Weights over frequency of the rows with maps, separated by commas: {', '.join(TUNINGS)}.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the maps.", rich_help_panel=_WHAT)] = 0,
    name: Annotated[
        str, typer.Option("--name", help="Name of the sweep in the store.", rich_help_panel=_WHAT)
    ] = "sweep",
) -> None:
    """Measure codecs over a data set: rate, PSNR, MS-SSIM, features, detections. Stored results are kept and reused."""
    from idse.sweeps.flags import Flags, plan_text
    from idse.sweeps.plan import parse_plan, read_plan

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
            qps=numbers("--qp", qp, int),
            scales=numbers("--scale", scale, int),
            importance=importance or (),
            targets=() if target is None else [word.strip() for word in target.split(",")],
            proj_dims=() if proj_dim is None else numbers("--proj-dim", proj_dim, int),
            taus=() if tau is None else numbers("--tau", tau, float),
            tunings=() if tuning is None else [word.strip() for word in tuning.split(",")],
            limit=limit,
            seed=seed,
            name=name,
        )
        wanted, path = parse_plan(plan_text(flags), Path.cwd(), name), store or Path(f"{name}.sqlite")
    prepared = run_plan(wanted, path, jobs, scheduler, dry_run)
    if prepared.jobs and not dry_run:
        print(
            f"{path}: all {prepared.total} cells of '{wanted.name}' are there; idse report {path} -o report.html"
        )
