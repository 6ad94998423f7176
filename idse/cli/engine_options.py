"""The options of `encode` that belong to one engine, and the engine they ask for."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from idse.engines import ENGINES, EncodeSettings, Engine, get_engine
from idse.errors import IdseError
from idse.vtm.options import MODES, TOOLS, VtmOptions, parse_tools

_VTM = "VTM"

EngineName = Annotated[
    str, typer.Option("--engine", help=f"The encoder: {', '.join(ENGINES)}.", rich_help_panel="Stream")
]
VtmRoot = Annotated[
    Path | None,
    typer.Option("--vtm-root", help="A checkout of VTM, built; else IDSE_VTM_ROOT.", rich_help_panel=_VTM),
]
VtmMode = Annotated[
    str | None,
    typer.Option(
        "--vtm-mode", help=f"{', '.join(MODES)}: VTM's configuration (default: intra).", rich_help_panel=_VTM
    ),
]
VtmTools = Annotated[
    str | None,
    typer.Option(
        "--vtm-tools",
        help=f"What weights reach, instead of --weight-scope: all, none, or some of {','.join(TOOLS)}.",
        rich_help_panel=_VTM,
    ),
]
VtmExtra = Annotated[
    str | None,
    typer.Option("--vtm-extra", help='Further arguments for VTM: "--ALF=0 --SAO=0".', rich_help_panel=_VTM),
]
VtmInProcess = Annotated[
    bool,
    typer.Option(
        "--vtm-in-process", help="Code with idse._vtm in this process, if built.", rich_help_panel=_VTM
    ),
]
VtmTimeout = Annotated[
    float | None,
    typer.Option("--vtm-timeout", help="Seconds after which VTM is given up.", rich_help_panel=_VTM),
]
_ANCHORS = tuple(name for name in ENGINES if name not in ("native", "vtm", "learned"))
_ANCHOR = ", ".join(_ANCHORS)

CodecDepth = Annotated[
    int | None,
    typer.Option("--codec-depth", help="Bits of the coded samples, 8 or 10.", rich_help_panel=_ANCHOR),
]
CodecParams = Annotated[
    list[str] | None,
    typer.Option(
        "--codec-param", help="The library's own, NAME=VALUE; may be given again.", rich_help_panel=_ANCHOR
    ),
]
Codec = Annotated[
    Path | None,
    typer.Option(
        "--codec", help="A learned codec's file (.idsec), made by idse train.", rich_help_panel="Learned"
    ),
]


def make_engine(
    name: str,
    settings: EncodeSettings,
    *,
    preset: str | None,
    codec_depth: int | None,
    codec_params: list[str] | None,
    codec: Path | None,
    weighted: bool,
    tiles: bool,
    root: Path | None,
    mode: str | None,
    tools: str | None,
    extra: str | None,
    in_process: bool,
    timeout: float | None,
) -> Engine:
    """The engine that was asked for; what it cannot do is told now, before a map is made.

    Raises:
        IdseError: No such engine, options of another one, or settings it cannot code with.
    """
    if name != "vtm":
        for option, value in (
            ("root", root), ("mode", mode), ("tools", tools), ("extra", extra), ("in-process", in_process or None),
            ("timeout", timeout),
        ):  # fmt: skip
            if value is not None:
                raise IdseError(f"--vtm-{option} is for VTM: add --engine vtm, or leave it out")
    if codec is not None and name != "learned":
        raise IdseError("--codec is for learned codecs: add --engine learned, or leave it out")
    if name in _ANCHORS:
        return _anchor(name, settings, weighted or tiles, preset, codec_depth, codec_params)
    for option, given in (("depth", codec_depth), ("param", codec_params or None)):
        if given is not None:
            raise IdseError(f"--codec-{option} is for {_ANCHOR}: add --engine, or leave it out")
    if name != "vtm":
        coder = get_engine(name, **({"codec": codec} if name == "learned" else {}))
        coder.check(settings, weighted=weighted, tiles=tiles)
        return coder
    from idse.vtm.engine import VtmEngine

    options = VtmOptions(
        mode=VtmOptions.mode if mode is None else mode,
        tools=None if tools is None else parse_tools(tools),
        extra=_split(extra),
        in_process=in_process,
        timeout=timeout,
    )
    engine = VtmEngine(root, options=options)
    engine.check(settings, weighted=weighted, tiles=tiles)
    return engine


def _anchor(
    name: str,
    settings: EncodeSettings,
    weighted: bool,
    preset: str | None,
    depth: int | None,
    params: list[str] | None,
) -> Engine:
    options: dict[str, Any] = {"params": params or ()}
    if depth is not None:
        options["bit_depth"] = depth
    if preset is not None:
        if name == "jpeg":
            raise IdseError("--preset: the jpeg engine has none; leave it out")
        options["preset"] = preset
    engine = get_engine(name, **options)
    engine.check(settings, weighted=weighted)
    return engine


def _split(extra: str | None) -> tuple[str, ...]:
    try:
        return () if extra is None else tuple(shlex.split(extra))
    except ValueError as error:
        raise IdseError(f"--vtm-extra {extra}: {error}; write it as a shell takes it") from None
