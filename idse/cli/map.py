"""`idse map`: writes the weight map of a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from idse.cli import options as o
from idse.cli.mean_profile import write_profile
from idse.cli.output import Bar, print_json
from idse.engines import EncodeSettings, Shaping, Target
from idse.engines.first_pass import decoded_frames
from idse.errors import IdseError
from idse.importance.caption import caption
from idse.importance.maker import ImportanceSettings
from idse.importance.settings import PROFILES
from idse.media.files import check_writable, replacing
from idse.media.io import read_frames


def map_(
    context: typer.Context,
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT...", help="Raw .yuv, .y4m, PNG, JPEG or video; with --profile also several, and folders."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Weight map (default: the input's name with .idsew)."),
    ] = None,
    heatmap: Annotated[
        Path | None, typer.Option("--heatmap", help="Write a PNG of the map over the first frame, and its profile.")
    ] = None,
    roi: Annotated[
        Path | None,
        typer.Option("--roi", help="Write delta QPs for kvazaar and uvg266 (binary if the name ends in .bin)."),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile",
            metavar="FILE",
            help="Write no map but the mean frequency profile of all pictures (JSON), for the option --profile of "
            "idse encode.",
        ),
    ] = None,
    use_profile: Annotated[
        str,
        typer.Option(
            "--use-profile",
            help=f"The map's own frequency profile: {', '.join(PROFILES)}, or a FILE that --profile wrote.",
            rich_help_panel="Importance",
        ),
    ] = ImportanceSettings.profile,
    profile_prior: Annotated[
        float,
        typer.Option(
            "--profile-prior",
            help="Share of the built-in mean profile that is mixed into the method's own, 0..1.",
            rich_help_panel="Importance",
        ),
    ] = ImportanceSettings.profile_prior,
    qp: Annotated[int, typer.Option("--qp", help="With --passes 2: QP of the first encode, 0..63.")] = Target.qp,
    importance: o.Importance = ImportanceSettings.method,
    detector: o.Detectors = None,
    weights: o.Weights = None,
    nodes: o.Nodes = None,
    target: o.Preserved = ImportanceSettings.target,
    metric: o.Metric = ImportanceSettings.metric,
    passes: o.Passes = ImportanceSettings.passes,
    at: o.At = ImportanceSettings.at,
    proj_dim: o.ProjDim = ImportanceSettings.proj_dim,
    sketch: o.Sketch = ImportanceSettings.sketch,
    seed: o.Seed = ImportanceSettings.seed,
    rounds: o.Rounds = ImportanceSettings.rounds,
    noise: o.Noise = ImportanceSettings.noise_sigma,
    level_norm: o.LevelNorm = ImportanceSettings.level_norm,
    blend_activity: o.BlendActivity = ImportanceSettings.blend_activity,
    chroma_planes: o.ChromaPlanes = ImportanceSettings.chroma_planes,
    roi_qp: o.RoiQp = ImportanceSettings.roi_qp,
    roi_score: o.RoiScore = ImportanceSettings.roi_score,
    unit: o.Unit = 1 << ImportanceSettings.log2_unit,
    tiles: o.Tiles = False,
    device: o.Device = ImportanceSettings.device,
    tau: o.Tau = Shaping.tau,
    exponent: o.Exponent = Shaping.exponent,
    clip_qp: o.ClipQp = Shaping.clip_qp,
    size: o.Size = None,
    bit_depth: o.BitDepth = None,
    chroma: o.Chroma = None,
    frames: o.Frames = None,
    matrix: o.Matrix = None,
    range_: o.Range = None,
    json: o.Json = False,
) -> None:
    """Write the weight map of a picture; --tau, --exponent and --clip-qp affect only the ROI file."""
    maker = o.make_maker(
        method=importance, detectors=detector, weights=weights, nodes=nodes, target=target, metric=metric,
        passes=passes, at=at, proj_dim=proj_dim, sketch=sketch, seed=seed, rounds=rounds, noise_sigma=noise,
        level_norm=level_norm, blend_activity=blend_activity,
        chroma_planes=chroma_planes, roi_qp=roi_qp, roi_score=roi_score, unit=unit, tiles=tiles, device=device,
        profile=use_profile, profile_prior=profile_prior,
    )  # fmt: skip
    reading = o.input_options(size, bit_depth, chroma, frames, matrix, range_)
    if profile is not None:
        if output is not None or heatmap is not None or roi is not None:
            raise IdseError("--profile writes no map: leave out --output, --heatmap and --roi")
        write_profile(maker, inputs, profile, reading, EncodeSettings(qp=qp), as_json=json)
        return
    if not maker.settings.makes_map:
        raise IdseError("--importance none makes no map: choose jacobian, activity or roi")
    if len(inputs) > 1:
        raise IdseError("several inputs: a map is of one file; --profile FILE writes the mean profile of many")
    input_ = inputs[0]
    file = output or input_.with_suffix(".idsew")
    for path in (file, heatmap, roi):
        if path is not None:
            check_writable(path)
            if path.resolve() == input_.resolve():
                raise IdseError(f"{path}: would overwrite the input; choose another name")
    pictures = read_frames(input_, reading)
    decoded = decoded_frames(pictures, EncodeSettings(qp=qp)) if maker.settings.takes_decoded else None
    with Bar(f"map of {input_.name}") as bar:
        made = maker(pictures, bar, decoded=decoded)
    assert made is not None
    with replacing(file) as temporary:
        made.save(temporary)
    if heatmap is not None:
        from idse.importance.heatmap import save_heatmap

        with replacing(heatmap) as temporary:
            save_heatmap(made, pictures[0], temporary)
    if roi is not None:
        tau, exponent, clip_qp = o.shaping(context, importance, tau, exponent, clip_qp)
        from idse.importance.roi import write_roi

        with replacing(roi) as temporary:
            write_roi(made, temporary, tau=tau, exponent=exponent, clip_qp=clip_qp)
    size_of = file.stat().st_size
    if json:
        print_json({
            "output": str(file), "bytes": size_of, "frames": made.frames, "rows": made.rows, "columns": made.cols,
            "unit": 1 << made.log2_unit, "load_seconds": maker.load_seconds, "map_seconds": maker.seconds,
            "caption": caption(made.meta), "profile": made.meta.get("profile"), "provenance": made.meta,
        })  # fmt: skip
    else:
        print(
            f"{made.frames} x {made.cols}x{made.rows} weights  {size_of} bytes  map {maker.seconds:.2f} s  {file}"
        )
