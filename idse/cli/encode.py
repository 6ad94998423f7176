"""`idse encode`: codes a picture, a video or a folder of pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idse.cli import engine_options as e
from idse.cli import options as o
from idse.cli.groups import grouped
from idse.cli.output import Bar, last_line, note, print_json, summary
from idse.cli.vtm import VTM
from idse.engines import (
    EncodeSettings,
    Engine,
    FrequencyScope,
    NativeTools,
    Shaping,
    Target,
    WeightScope,
    engine_class,
)
from idse.engines.first_pass import decoded_frames
from idse.engines.settings import PRESETS
from idse.engines.verify import check_verifiable, encode_verified
from idse.errors import IdseError
from idse.importance.maker import ImportanceSettings, MapMaker
from idse.importance.settings import METHODS
from idse.media import raw
from idse.media.files import check_writable, replacing
from idse.media.frame import Frame
from idse.media.io import InputOptions, list_pictures, read_frames
from idse.sizing.scale import Scale

if TYPE_CHECKING:
    from idse.importance.weight_map import WeightMap

_STREAM = "Stream"


@grouped(tools=e.TOOLS, vtm=VTM)
def encode(
    context: typer.Context,
    input_: Annotated[
        Path,
        typer.Argument(metavar="INPUT", help="Raw .yuv, .y4m, PNG, JPEG, video, or a folder of pictures."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Stream (default: the input's name with .266, .hevc, ...), or a folder."
        ),
    ] = None,
    qp: Annotated[
        int,
        typer.Option(
            "--qp",
            help="Luma QP, 0..63; x265, x264: 0..51; jpeg: quality 1..100; learned: the codec's point (0: most bits).",
            rich_help_panel=_STREAM,
        ),
    ] = Target.qp,
    target_bytes: Annotated[
        int | None,
        typer.Option("--target-bytes", help="Target size of each frame in bytes.", rich_help_panel=_STREAM),
    ] = None,
    target_bpp: Annotated[
        float | None,
        typer.Option(
            "--target-bpp",
            help="Target rate of each frame in bits per luma sample of the source.",
            rich_help_panel=_STREAM,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            help=f"faster, fast, medium, slow, slower, or 0..4 (default: {PRESETS[EncodeSettings.preset]}); "
            "x265, x264: their own presets (veryslow); svtav1: 0..13 (4).",
            rich_help_panel=_STREAM,
        ),
    ] = None,
    threads: Annotated[
        int,
        typer.Option(
            "--threads",
            help="Number of frames coded at once; with --wpp also of CTU rows. The bytes do not depend on it.",
            rich_help_panel=_STREAM,
        ),
    ] = 1,
    scale: Annotated[
        str,
        typer.Option(
            "--scale",
            help="Coded size in per cent of the source, 5..100; auto: of 100, 85, 70 and 50 the best for the map's "
            "detector at the same bytes. A decoder needs the source's size to scale back: decode --size.",
            rich_help_panel=_STREAM,
        ),
    ] = "100",
    tools: NativeTools = NativeTools(),  # noqa: B008 (it is immutable)
    md5: Annotated[
        bool,
        typer.Option("--md5", help="Add the MD5 of each picture, which decoders check.", rich_help_panel=_STREAM),
    ] = False,
    cb_qp_offset: Annotated[
        int, typer.Option("--cb-qp-offset", help="QP offset of Cb, -12..12.", rich_help_panel=_STREAM)
    ] = 0,
    cr_qp_offset: Annotated[
        int, typer.Option("--cr-qp-offset", help="QP offset of Cr, -12..12.", rich_help_panel=_STREAM)
    ] = 0,
    engine: e.EngineName = "native",
    engine_option: e.EngineOptions = None,
    importance: Annotated[
        str | None,
        typer.Option(
            "--importance",
            help=f"Method that makes the map: {', '.join(METHODS)} (default: {ImportanceSettings.method}; "
            "none if the engine takes no map).",
            rich_help_panel="Importance",
        ),
    ] = None,
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
    tuning: o.Tuning = None,
    gamma: o.Gamma = None,
    profile: o.Profile = ImportanceSettings.profile,
    profile_prior: o.ProfilePrior = ImportanceSettings.profile_prior,
    frequency_scope: o.FrequencyScopeText = "all",
    scaling_lists: o.ScalingLists = Shaping.scaling_lists,
    weight_scope: Annotated[
        str,
        typer.Option(
            "--weight-scope",
            help="Where the weights act: all, none, or some of rdo,quant,qp.",
            rich_help_panel="Importance",
        ),
    ] = "all",
    map_in: Annotated[
        Path | None,
        typer.Option(
            "--map-in", help="Read the weight map, of the coded size, from this file.", rich_help_panel="Importance"
        ),
    ] = None,
    map_out: Annotated[
        Path | None, typer.Option("--map-out", help="Write the weight map to this file.", rich_help_panel="Importance")
    ] = None,
    vtm: dict[str, Any] = {},  # noqa: B006 (the group always gives a new one)
    codec_depth: e.CodecDepth = None,
    codec_param: e.CodecParams = None,
    codec: e.Codec = None,
    size: o.Size = None,
    bit_depth: o.BitDepth = None,
    chroma: o.Chroma = None,
    frames: o.Frames = None,
    matrix: o.Matrix = None,
    range_: o.Range = None,
    recon: Annotated[
        Path | None,
        typer.Option(
            "--recon", help="Write the reconstruction (of the coded size) as raw YUV: 16-bit little-endian above 8 bit."
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Decode the stream (with FFmpeg if possible) and compare every sample.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="For a folder: also code pictures whose stream exists already.")
    ] = False,
    json: o.Json = False,
) -> None:
    """Code pictures as VVC, with more bits where a detector needs them; or as HEVC, AV1, H.264, JPEG, or learned."""
    coding = engine_class(engine)
    method = importance or (ImportanceSettings.method if coding.takes_weights else "none")
    tau, exponent, clip_qp = o.shaping(context, method, tau, exponent, clip_qp)
    e.check_frequency_options(context, coding)
    settings = EncodeSettings(
        qp=qp, target_bytes=target_bytes, target_bpp=target_bpp, preset=e.settings_preset(coding, preset),
        threads=threads, tools=tools, md5_sei=md5, cb_qp_offset=cb_qp_offset, cr_qp_offset=cr_qp_offset,
        weight_scope=WeightScope.parse(weight_scope), tau=tau, exponent=exponent, clip_qp=clip_qp,
        frequency_scope=FrequencyScope.parse(frequency_scope), scaling_lists=scaling_lists,
        **o.tuning_fields(tuning, gamma),
    )  # fmt: skip
    maker = o.make_maker(
        method=method, detectors=detector, weights=weights, nodes=nodes, target=target, metric=metric,
        passes=passes, at=at, proj_dim=proj_dim, sketch=sketch, seed=seed, rounds=rounds, noise_sigma=noise,
        level_norm=level_norm, blend_activity=blend_activity,
        chroma_planes=chroma_planes, roi_qp=roi_qp, roi_score=roi_score, unit=unit, tiles=tiles, device=device,
        profile=profile, profile_prior=profile_prior,
    )  # fmt: skip
    coder = e.make_engine(
        engine, settings, weighted=map_in is not None or maker.settings.makes_map, tiles=tiles and map_in is None,
        preset=preset, codec_depth=codec_depth, codec_params=codec_param, codec=codec, vtm=vtm, more=engine_option,
    )  # fmt: skip
    sizer = Scale.parse(scale, coding, maker.settings, o.load_extractor)
    if map_in is not None and sizer.percent is None:
        raise IdseError("--map-in is a map of one size: give --scale a number instead of auto")
    if map_in is not None:
        e.check_map_in(context)
    if verify:
        check_verifiable(coder)
    job = _Job(
        settings=settings,
        maker=maker,
        engine=coder,
        scale=sizer,
        reading=o.input_options(size, bit_depth, chroma, frames, matrix, range_),
        verify=verify,
        json=json,
        idle=e.idle_options(context) if settings.shaping.gamma > 0 else [],
    )
    if input_.is_dir():
        for option, value in (("--map-in", map_in), ("--map-out", map_out), ("--recon", recon)):
            if value is not None:
                raise IdseError(
                    f"{option} names one file, {input_} is a folder: encode its pictures one by one"
                )
        _encode_folder(job, input_, output, overwrite)
    else:
        job.run(
            input_,
            output or input_.with_suffix(coder.stream_suffix()),
            map_in=map_in,
            map_out=map_out,
            recon=recon,
        )
    if importance is None and not coding.takes_weights:
        note(f"coded without a map: the {engine} engine takes none")


@dataclass(frozen=True)
class _Job:
    """Everything that an encode needs except the names of its files.

    Attributes:
        idle: Options that the user gave and that act on a map with a frequency profile only.
    """

    settings: EncodeSettings
    maker: MapMaker
    engine: Engine
    scale: Scale
    reading: InputOptions
    verify: bool
    json: bool
    idle: list[str]

    def run(
        self,
        source: Path,
        output: Path,
        *,
        map_in: Path | None = None,
        map_out: Path | None = None,
        recon: Path | None = None,
    ) -> dict[str, Any]:
        """Code one file and return its figures; either all outputs appear complete, or none does."""
        _check_outputs(source, output, recon, map_out)
        with Bar(f"size of {source.name}") as bar:
            sized = self.scale(read_frames(source, self.reading), self.settings, bar)
        frames, settings = sized.frames, sized.settings
        if map_in is not None:
            weights: WeightMap | None = _load_map(map_in, frames, sized.scale)
        else:
            decoded = None
            if self.maker.settings.takes_decoded:
                decoded = decoded_frames(frames, settings)
            with Bar(f"map of {source.name}") as bar:
                weights = self.maker(frames, bar, decoded=decoded)
        if self.idle and (weights is None or weights.profiles is None):
            note(f"{self.idle[0]} has no effect: the map has no frequency profile")
        with Bar(f"encoding {source.name}") as bar:
            if self.verify:
                stream = encode_verified(self.engine, frames, weights, settings, bar)
            else:
                stream = self.engine.encode(frames, weights, settings, bar)
        with ExitStack() as whole:
            whole.enter_context(replacing(output)).write_bytes(stream.data)
            if recon is not None:
                with whole.enter_context(replacing(recon)).open("wb") as target:
                    raw.write_frames(target, stream.recon)
            if map_out is not None and weights is not None:
                weights.save(whole.enter_context(replacing(map_out)))
        figures = {"input": str(source), "output": str(output)} | summary(
            stream, weights, load_seconds=self.maker.load_seconds, map_seconds=self.maker.seconds
        )
        figures |= sized.figures(stream.data)
        figures["provenance"] |= sized.record()
        if self.json:
            print_json(figures)
        else:
            print("  ".join(filter(None, (last_line(figures), sized.words()))), flush=True)
        return figures


def _load_map(path: Path, frames: Sequence[Frame], scale: int) -> WeightMap:
    from idse.importance.weight_map import WeightMap

    weights = WeightMap.load(path)
    try:
        weights.check_fits(frames[0].width, frames[0].height, len(frames))
    except IdseError as error:
        how = "'idse map'" if scale == 100 else f"--scale {scale} --map-out"
        raise IdseError(f"{path}: {error}: make a map of this input with {how}") from None
    return weights


def _encode_folder(job: _Job, folder: Path, output: Path | None, overwrite: bool) -> None:
    suffix = job.engine.stream_suffix()
    target = output or folder.with_name(folder.resolve().name + "-" + suffix[1:])
    pictures = list_pictures(folder)
    streams = _stream_names(pictures, target, suffix)
    if target.exists() and not target.is_dir():
        raise IdseError(f"{target}: is a file; for a folder of pictures -o must name a folder")
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IdseError(
            f"cannot make the folder {target}: {error.strerror}; choose another with -o"
        ) from None
    waiting = [(p, s) for p, s in zip(pictures, streams, strict=True) if overwrite or not s.exists()]
    if len(waiting) < len(pictures):
        note(
            f"{len(pictures) - len(waiting)} of {len(pictures)} are already in {target}; --overwrite codes them again"
        )
    began = time.perf_counter()
    total, failed = 0, []
    for number, (picture, stream) in enumerate(waiting, 1):
        note(f"{number}/{len(waiting)} {picture.name}")
        try:
            total += int(job.run(picture, stream)["bytes"])
        except IdseError as error:  # continue with the other pictures
            failed.append(picture.name)
            note(f"idse: error: {error}")
    note(
        f"{len(waiting) - len(failed)} pictures, {total} bytes, {time.perf_counter() - began:.1f} s, in {target}"
    )
    if failed:
        raise IdseError(
            f"{len(failed)} of {len(waiting)} pictures could not be coded: {', '.join(failed[:5])}"
        )


def _stream_names(pictures: list[Path], target: Path, suffix: str) -> list[Path]:
    """Return names such as `a.266` for `a.png`, or `a.png.266` if another picture has the same stem."""
    stems = [p.stem for p in pictures]
    return [target / f"{p.name if stems.count(p.stem) > 1 else p.stem}{suffix}" for p in pictures]


def _check_outputs(source: Path, *outputs: Path | None) -> None:
    named = [p for p in outputs if p is not None]
    for i, path in enumerate(named):
        if path.resolve() == source.resolve():
            raise IdseError(f"{path}: would overwrite the input; choose another name with -o")
        if path.resolve() in [p.resolve() for p in named[:i]]:
            raise IdseError(f"{path}: named for two outputs; choose another name for one of them")
        check_writable(path)
