"""`idse report`: writes tables, plots and pictures of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from idse.cli.output import Bar
from idse.errors import IdseError


def report(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Results of idse sweep.")],
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            help=".html, .csv, .md, .tex, or a folder for CompressAI's JSON; may be repeated "
            "(default: the store's name with .html).",
        ),
    ] = None,
    sweep: Annotated[
        str | None, typer.Option("--sweep", help="Name of the sweep (default: the last one).")
    ] = None,
    anchor: Annotated[
        str | None, typer.Option("--anchor", help="Codec that BD-rates are computed against (default: the first).")
    ] = None,
    method: Annotated[str, typer.Option("--method", help="Interpolation: pchip or akima.")] = "pchip",
    gallery: Annotated[int, typer.Option("--gallery", help="Number of pictures to show; 0: none.")] = 6,
    format_: Annotated[
        str | None, typer.Option("--format", help="html, csv, md, latex, compressai, separated by commas.")
    ] = None,
    draws: Annotated[
        int, typer.Option("--draws", help="Number of bootstrap resamples for the intervals; 0: no intervals.")
    ] = 200,
    title: Annotated[str, typer.Option("--title", help="Title (default: the sweep's name).")] = "",
    check_map: Annotated[
        bool,
        typer.Option("--check-map", help="Compute every mAP again with faster-coco-eval and compare."),
    ] = False,
) -> None:
    """Write the results of a sweep as an HTML page or as files."""
    if method not in ("pchip", "akima"):
        raise IdseError(f"--method {method}: must be pchip or akima")
    if gallery < 0 or draws < 0:
        raise IdseError("--gallery and --draws: must be 0 or more")
    from idse.report.writing import check_targets, targets, write_report

    wanted = targets(output or [], format_, store.with_suffix(""))
    check_targets(wanted)
    if any(path.resolve() == store.resolve() for _, path in wanted):
        raise IdseError(f"{store}: would overwrite the results; choose another name")
    from idse.report.page import PageOptions
    from idse.study import Study

    with Bar(f"report of {store.name}"):
        study = Study.load(store, sweep, draws)
        chosen = study.codec(anchor).name if anchor is not None else study.codecs[0].name
        options = PageOptions(chosen, cast(Literal["pchip", "akima"], method), title, gallery, draws)
        written = write_report(study, options, wanted)
        if check_map:
            from idse.study.check import check_precision

            check = check_precision(study)
    for path in written:
        print(f"{path.stat().st_size} bytes  {path}")
    if check_map:
        print(f"mAP of {check.points} points by faster-coco-eval too: largest difference {check.largest:.1e}")
        if check.largest > 1e-6:
            raise IdseError("mAP differs from faster-coco-eval's by more than 1e-6: please report it")
