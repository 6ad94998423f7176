"""The options that choose an engine and belong to it, and the engine they ask for."""

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
        help="Any option of the engine, NAME=VALUE as in a plan; may be given again.",
        rich_help_panel="Stream",
    ),
]
CodecDepth = Annotated[
    int | None,
    typer.Option("--codec-depth", help="Bits of the coded samples, 8 or 10.", rich_help_panel=_ANCHORS),
]
CodecParams = Annotated[
    list[str] | None,
    typer.Option(
        "--codec-param", help="The library's own, NAME=VALUE; may be given again.", rich_help_panel=_ANCHORS
    ),
]
Codec = Annotated[
    Path | None,
    typer.Option(
        "--codec", help="A learned codec's file (.idsec), made by idse train.", rich_help_panel="Learned"
    ),
]

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
"""An option for each tool of the native encoder."""


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
    """The engine that was asked for; what it cannot do is told now, before a map is made.

    Args:
        name: Of the engine.
        settings: Of the encode.
        weighted: Whether there will be a map.
        tiles: Whether it will have tiles.
        preset: Of `--preset`.
        codec_depth: Of `--codec-depth`.
        codec_params: Of `--codec-param`.
        codec: Of `--codec`.
        vtm: Of the group `cli.vtm.VTM`.
        more: Of `--engine-option`.

    Raises:
        IdseError: No such engine, options of another one, or settings it cannot code with.
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


def settings_preset(engine: type[Engine], text: str | None) -> int:
    """`EncodeSettings.preset` of `--preset`, where an engine has no presets of its own.

    Raises:
        IdseError: An unknown preset, or the engine has none at all.
    """
    if text is None or "preset" in engine.option_names():
        return EncodeSettings.preset
    if not engine.takes_preset:
        raise IdseError(f"--preset: the {engine.name} engine has none; leave it out")
    return parse_preset(text)


def engine_options(name: str, texts: Sequence[str] | None) -> dict[str, Any]:
    """Options by name of `--engine-option NAME=VALUE`; of a list each gives one element.

    Raises:
        IdseError: Not of that form, given twice, or an option that the engine does not have.
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
    """Numbers and truth values are what they look like; the rest is text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
