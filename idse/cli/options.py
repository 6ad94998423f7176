"""Options that several commands share, with the same names in all of them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from idse.engines.settings import PRESETS, SCALING_LISTS, TUNINGS, Shaping, tuning_name
from idse.errors import IdseError
from idse.importance.detection_metric import METRICS
from idse.importance.maker import ImportanceSettings, MapMaker, load_features
from idse.importance.settings import LEVEL_NORMS, METHODS, PROFILES, SHAPING, SKETCHES, TARGETS
from idse.media.io import InputOptions, parse_frames
from idse.media.raw import parse_size

if TYPE_CHECKING:
    from idse.detectors import Detector

_IN, _MAP, _FREQUENCY = "Input", "Importance", "Importance over frequency"

Size = Annotated[str | None, typer.Option("--size", help="WIDTHxHEIGHT of a raw file.", rich_help_panel=_IN)]
BitDepth = Annotated[
    int | None, typer.Option("--bit-depth", help="Bits per sample of a raw file.", rich_help_panel=_IN)
]
Chroma = Annotated[str | None, typer.Option("--chroma", help="420 or 400 (no chroma).", rich_help_panel=_IN)]
Frames = Annotated[
    str | None, typer.Option("--frames", help="5: the first five; 2:7: frames 2 to 6.", rich_help_panel=_IN)
]
Matrix = Annotated[
    str | None,
    typer.Option(
        "--matrix", help="YCbCr matrix, bt601 or bt709; overrides the file's.", rich_help_panel=_IN
    ),
]
Range = Annotated[
    str | None,
    typer.Option(
        "--range", help="Sample range, full or limited; overrides the file's.", rich_help_panel=_IN
    ),
]

Importance = Annotated[
    str, typer.Option("--importance", help=f"Method that makes the map: {', '.join(METHODS)}.", rich_help_panel=_MAP)
]
Detectors = Annotated[
    list[str] | None,
    typer.Option(
        "--detector",
        help=f"embedded, a torchvision model's name, or FILE.onnx (default: {ImportanceSettings.detector}); "
        "if repeated, the maps are added.",
        rich_help_panel=_MAP,
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option("--weights", help="File of weights to use instead of the detector's own.", rich_help_panel=_MAP),
]
Nodes = Annotated[
    str | None,
    typer.Option("--nodes", help="Names of the feature tensors, separated by commas.", rich_help_panel=_MAP),
]
Preserved = Annotated[
    str,
    typer.Option("--target", help=f"What a detector's map preserves: {', '.join(TARGETS)}.", rich_help_panel=_MAP),
]
Metric = Annotated[
    str,
    typer.Option("--metric", help=f"How changes of detections count: {', '.join(METRICS)}.", rich_help_panel=_MAP),
]
Passes = Annotated[
    int,
    typer.Option(
        "--passes",
        help="2: make a detector's map at the picture that a fast first encode gives, too.",
        rich_help_panel=_MAP,
    ),
]
At = Annotated[
    str,
    typer.Option(
        "--at",
        help="With --passes 2: make the map at the decoded picture alone (decoded), or also at the source (both).",
        rich_help_panel=_MAP,
    ),
]
ProjDim = Annotated[int, typer.Option("--proj-dim", help="Number of rows of the sketch, 1..64.", rich_help_panel=_MAP)]
Sketch = Annotated[
    str,
    typer.Option("--sketch", help=f"Distribution of the sketch: {', '.join(SKETCHES)}.", rich_help_panel=_MAP),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the map's random numbers.", rich_help_panel=_MAP)]
Rounds = Annotated[int, typer.Option("--rounds", help="Number of maps that are averaged, 1..64.", rich_help_panel=_MAP)]
Noise = Annotated[
    float,
    typer.Option("--noise", help="Standard deviation of the input noise in each round, 0..255.", rich_help_panel=_MAP),
]
LevelNorm = Annotated[
    str,
    typer.Option(
        "--level-norm",
        help=f"How feature levels are added: {', '.join(LEVEL_NORMS)} (plain sum, mean error, relative energy).",
        rich_help_panel=_MAP,
    ),
]
BlendActivity = Annotated[
    float,
    typer.Option(
        "--blend-activity",
        help="A detector's map is multiplied by the activity to this power, 0..16.",
        rich_help_panel=_MAP,
    ),
]
ChromaPlanes = Annotated[
    bool,
    typer.Option("--chroma-planes/--luma-only", help="Keep the map's chroma planes.", rich_help_panel=_MAP),
]
RoiQp = Annotated[
    float,
    typer.Option(
        "--roi-qp", help="For roi: QP steps by which boxes are coded finer, at most 12.", rich_help_panel=_MAP
    ),
]
RoiScore = Annotated[
    float, typer.Option("--roi-score", help="For roi: minimum score of a box, 0..1.", rich_help_panel=_MAP)
]
Unit = Annotated[
    int,
    typer.Option(
        "--unit", help="Side of the map's cells in luma samples: 1, 2, 4 .. 128.", rich_help_panel=_MAP
    ),
]
Tiles = Annotated[
    bool,
    typer.Option(
        "--tiles",
        help="Add the rank-l factors of each 8x8 tile, for the IDSE with correlations inside a tile.",
        rich_help_panel=_MAP,
    ),
]
Device = Annotated[
    str, typer.Option("--device", help="Where the detector runs: auto, cpu or cuda.", rich_help_panel=_MAP)
]
Tau = Annotated[
    float,
    typer.Option(
        "--tau", help="Share of plain squared error, in units of the mean weight (roi: 0).", rich_help_panel=_MAP
    ),
]
Exponent = Annotated[
    float, typer.Option("--exponent", help="Exponent of the weights (roi: 1).", rich_help_panel=_MAP)
]
ClipQp = Annotated[
    float,
    typer.Option(
        "--clip-qp", help="Limit of the weights in QP steps, 0..12 (roi: 12).", rich_help_panel=_MAP
    ),
]
Tuning = Annotated[
    str | None,
    typer.Option(
        "--tuning",
        help="What the picture is for, where the map has a profile. machine: fewest bits for a detector, least PSNR; "
        "balanced: most of that gain for half of the loss of PSNR; fidelity: weights over place alone, most PSNR "
        f"(default: {tuning_name(Shaping.gamma)}).",
        rich_help_panel=_FREQUENCY,
    ),
]
Gamma = Annotated[
    float | None,
    typer.Option(
        "--gamma",
        help="Power of the map's profile, 0..2, instead of --tuning: "
        f"{', '.join(f'{name} is {value:g}' for name, value in TUNINGS.items())}.",
        rich_help_panel=_FREQUENCY,
    ),
]
Profile = Annotated[
    str,
    typer.Option(
        "--profile",
        help=f"The map's profile over frequency: {', '.join(PROFILES)}, or FILE. own: the method's (activity, roi, "
        "none: they have none); embedded: the built-in mean of several detectors; lowpass: made up, no network.",
        rich_help_panel=_FREQUENCY,
    ),
]
ProfilePrior = Annotated[
    float,
    typer.Option(
        "--profile-prior",
        help="Share of the built-in mean profile that is mixed into the method's own, 0..1.",
        rich_help_panel=_FREQUENCY,
    ),
]
FrequencyScopeText = Annotated[
    str,
    typer.Option(
        "--frequency-scope",
        help="Where the profile acts: all, none, rdo (decisions) or quant (levels and scaling lists).",
        rich_help_panel=_FREQUENCY,
    ),
]
ScalingLists = Annotated[
    str,
    typer.Option(
        "--scaling-lists",
        help=f"Write the profile into the stream as scaling lists: {', '.join(SCALING_LISTS)}. "
        "auto: where they save more than they cost.",
        rich_help_panel=_FREQUENCY,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


def input_options(
    size: str | None,
    bit_depth: int | None,
    chroma: str | None,
    frames: str | None,
    matrix: str | None,
    range_: str | None,
) -> InputOptions:
    """Return the description of the input that the options give.

    Raises:
        IdseError: A value is out of its range.
    """
    if bit_depth is not None and not 8 <= bit_depth <= 16:
        raise IdseError(f"--bit-depth {bit_depth}: must be 8..16")
    one_of("--chroma", chroma, ("420", "400"))
    one_of("--matrix", matrix, ("bt601", "bt709"))
    one_of("--range", range_, ("full", "limited"))
    return InputOptions(
        size=None if size is None else parse_size(size),
        bit_depth=bit_depth,
        chroma=cast('Literal["420", "400"] | None', chroma),
        frames=(0, None) if frames is None else parse_frames(frames),
        matrix=cast('Literal["bt601", "bt709"] | None', matrix),
        full_range=None if range_ is None else range_ == "full",
    )


def make_maker(*, detectors: list[str] | None, nodes: str | None, unit: int, **settings: Any) -> MapMaker:
    """Return the maker of maps that the options describe.

    Args:
        detectors: Names of the detectors; None means the default.
        nodes: Value of `--nodes`.
        unit: Value of `--unit`.
        settings: The other fields of `ImportanceSettings`.

    Raises:
        IdseError: A value is out of its range.
    """
    if detectors:
        settings["detector"] = "+".join(detectors)
    wanted = ImportanceSettings(nodes=parse_nodes(nodes), log2_unit=parse_unit(unit), **settings)
    return MapMaker(wanted, load_extractor=load_extractor, load_detector=_load_detector)


load_extractor = functools.cache(load_features)
"""Loads each network once, although maps and the choice of a size both need it."""


def _load_detector(name: str, weights: Path | None, device: str) -> Detector:
    from idse.detectors import load_by_name

    return load_by_name(name, weights, device)


def shaping(
    context: typer.Context, method: str, tau: float, exponent: float, clip_qp: float
) -> tuple[float, float, float]:
    """Return tau, exponent and clip: the user's values, else the defaults of the importance method or the encoder.

    Args:
        context: Tells which options the user gave.
        method: Method of `ImportanceSettings`.
        tau: Value of `--tau`.
        exponent: Value of `--exponent`.
        clip_qp: Value of `--clip-qp`.
    """
    values = {"tau": tau, "exponent": exponent, "clip_qp": clip_qp}
    for name, value in SHAPING.get(method, {}).items():
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE":
            values[name] = value
    return values["tau"], values["exponent"], values["clip_qp"]


def tuning_fields(tuning: str | None, gamma: float | None) -> dict[str, Any]:
    """Return `tuning` and `gamma` as fields of `EncodeSettings`, without those that the user did not give."""
    return {k: v for k, v in (("tuning", tuning), ("gamma", gamma)) if v is not None}


def parse_preset(text: str) -> int:
    """Return the number of a preset that is given by its number or name."""
    if text.lower() in PRESETS:
        return PRESETS.index(text.lower())
    if text.isdigit() and int(text) < len(PRESETS):
        return int(text)
    names = ", ".join(f"{i} ({name})" for i, name in enumerate(PRESETS))
    raise IdseError(f"preset '{text}' is unknown: choose one of {names}")


def parse_unit(unit: int) -> int:
    """Return the base-2 logarithm of a cell's side."""
    if unit not in (1, 2, 4, 8, 16, 32, 64, 128):
        raise IdseError(f"--unit {unit}: must be 1, 2, 4, 8, 16, 32, 64 or 128")
    return unit.bit_length() - 1


def parse_nodes(text: str | None) -> tuple[str, ...]:
    """Split names that are separated by commas."""
    return () if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def one_of(option: str, value: str | None, known: tuple[str, ...]) -> None:
    """Raise an `IdseError` if a value was given and is not one of the known ones."""
    if value is not None and value not in known:
        raise IdseError(f"{option} '{value}': must be {' or '.join(known)}")


def numbers(option: str, text: str, kind: type[Any]) -> list[Any]:
    """Read the numbers of an option, separated by commas or blanks.

    Raises:
        IdseError: A part of the text is not a number.
    """
    try:
        return [kind(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise IdseError(f"{option} '{text}': must be numbers separated by commas") from None
