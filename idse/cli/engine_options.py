"""The options that choose and configure an engine, and the engine that is made from them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from idse.cli.groups import Group, option
from idse.cli.options import parse_preset
from idse.cli.vtm import vtm_options
from idse.engines import EncodeSettings, Engine, NativeTools, engine_class, engine_names
from idse.errors import IdseError

_ANCHORS = "x265, svtav1, x264, jpeg"

EngineName = Annotated[
    str,
    typer.Option("--engine", help=f"The encoder: {', '.join(engine_names())}.", rich_help_panel="Stream"),
]
EngineOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--engine-option",
        help="Any option of the engine, NAME=VALUE as in a plan; may be repeated.",
        rich_help_panel="Stream",
    ),
]
CodecDepth = Annotated[
    int | None,
    typer.Option("--codec-depth", help="Bit depth of the coded samples, 8 or 10.", rich_help_panel=_ANCHORS),
]
CodecParams = Annotated[
    list[str] | None,
    typer.Option(
        "--codec-param", help="Parameter of the library, NAME=VALUE; may be repeated.", rich_help_panel=_ANCHORS
    ),
]
Codec = Annotated[
    Path | None,
    typer.Option(
        "--codec", help="File of a learned codec (.idsec), made by idse train.", rich_help_panel="Learned"
    ),
]

FREQUENCY_OPTIONS = ("tuning", "gamma", "profile", "profile_prior", "frequency_scope", "scaling_lists")
"""Parameters of `idse encode` that need an engine with weights."""
_PROFILE_OPTIONS = ("profile", "profile_prior")
"""Those that say where the profile is from; the others say what becomes of it."""

_TYPES = typing.get_type_hints(NativeTools)
TOOLS = Group(
    [
        option(
            tool.name,
            Annotated[
                _TYPES[tool.name],
                typer.Option(
                    tool.metadata["option"], help=tool.metadata["help"], rich_help_panel="Tools (native, vtm)"
                ),
            ],
            tool.default,
        )
        for tool in dataclasses.fields(NativeTools)
    ],
    lambda values: NativeTools(**values),
)
"""One option for each tool of the native encoder."""


def make_engine(
    name: str,
    settings: EncodeSettings,
    *,
    weighted: bool,
    tiles: bool,
    preset: str | None,
    codec_depth: int | None,
    codec_params: list[str] | None,
    codec: Path | None,
    vtm: Mapping[str, Any],
    more: list[str] | None,
) -> Engine:
    """Make an engine, and check the settings with it before a map is made.

    Args:
        name: Name of the engine.
        settings: Settings of the encode.
        weighted: Whether there will be a map.
        tiles: Whether the map will have tiles.
        preset: Value of `--preset`.
        codec_depth: Value of `--codec-depth`.
        codec_params: Values of `--codec-param`.
        codec: Value of `--codec`.
        vtm: Values of the group `cli.vtm.VTM`.
        more: Values of `--engine-option`.

    Raises:
        IdseError: The engine does not exist, an option belongs to another engine, or the engine cannot code with
            the settings.
    """
    known = engine_class(name).option_names()
    options = vtm_options(name, vtm)
    for key, value, words in (
        ("codec", codec, "--codec is for learned codecs: add --engine learned"),
        ("bit_depth", codec_depth, f"--codec-depth is for {_ANCHORS}: add --engine"),
        ("params", codec_params or None, f"--codec-param is for {_ANCHORS}: add --engine"),
    ):
        if value is not None and key not in known:
            raise IdseError(f"{words}, or leave it out")
        if value is not None:
            options[key] = value
    if preset is not None and "preset" in known:
        options["preset"] = preset
    engine = engine_class(name).from_options(options | engine_options(name, more))
    engine.check(settings, weighted=weighted, tiles=tiles)
    return engine


def check_frequency_options(context: typer.Context, engine: type[Engine]) -> None:
    """Refuse options of the weights over frequency with an engine that takes no weights.

    Args:
        context: Tells which options the user gave.
        engine: Class of the engine.

    Raises:
        IdseError: One of them was given.
    """
    if engine.takes_weights:
        return
    for name in given_options(context, FREQUENCY_OPTIONS):
        raise IdseError(f"{name}: the {engine.name} engine takes no weights; leave it out")


def check_map_in(context: typer.Context) -> None:
    """Refuse options that choose a profile beside a map from a file, which has its own or none.

    Raises:
        IdseError: One of them was given.
    """
    for name in given_options(context, _PROFILE_OPTIONS):
        raise IdseError(f"{name}: the profile is that of the map in --map-in; leave it out (--gamma 0 ignores it)")


def idle_options(context: typer.Context) -> list[str]:
    """Return the options that the user gave and that have no effect on a map without a frequency profile."""
    return given_options(context, [name for name in FREQUENCY_OPTIONS if name not in _PROFILE_OPTIONS])


def given_options(context: typer.Context, names: Sequence[str]) -> list[str]:
    """Return the options, such as "--profile-prior", of those parameters that the user gave on the command line."""
    sources = [(name, context.get_parameter_source(name)) for name in names]
    return ["--" + name.replace("_", "-") for name, s in sources if s is not None and s.name == "COMMANDLINE"]


def settings_preset(engine: type[Engine], text: str | None) -> int:
    """Return `EncodeSettings.preset` for the text of `--preset`; the default if the engine has its own presets.

    Raises:
        IdseError: The preset is unknown, or the engine has no presets at all.
    """
    if text is None or "preset" in engine.option_names():
        return EncodeSettings.preset
    if not engine.takes_preset:
        raise IdseError(f"--preset: the {engine.name} engine has none; leave it out")
    return parse_preset(text)


def engine_options(name: str, texts: Sequence[str] | None) -> dict[str, Any]:
    """Return the options of `--engine-option NAME=VALUE` by name; each text adds one element to a list option.

    Raises:
        IdseError: A text is not of that form, an option is given twice, or the engine does not have it.
    """
    found: dict[str, Any] = {}
    engine = engine_class(name)
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise IdseError(f"--engine-option {text}: must look like NAME=VALUE")
        if key not in engine.option_names():
            known = ", ".join(sorted(engine.option_names())) or "none"
            raise IdseError(f"--engine-option {text}: the {name} engine has no option '{key}'; its options: {known}")
        if key in engine.list_options:
            found[key] = [*found.get(key, []), value]
        elif key in found:
            raise IdseError(f"--engine-option {text}: '{key}' is given twice")
        else:
            found[key] = value if key in engine.path_options else _value(value)
    return found


def _value(text: str) -> Any:
    """Convert a text to a truth value or a number if it looks like one; otherwise return the text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
