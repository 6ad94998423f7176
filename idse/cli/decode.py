"""`idse decode`: decodes a stream to pictures or raw video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from idse.cli import options as o
from idse.cli.engine_options import EngineOptions, engine_options
from idse.cli.output import print_json
from idse.engines import engine_class
from idse.errors import IdseError
from idse.media.coded import decode_coded
from idse.media.files import check_writable
from idse.media.frame import Frame
from idse.media.io import InputOptions, check_output_suffix, read_frames, write_frames
from idse.media.raw import parse_size
from idse.media.scaling import scaled_back


def decode(
    stream: Annotated[
        Path, typer.Argument(metavar="STREAM", help="VVC stream (.266), or .hevc, .h264, .obu, .jpg, .idsl.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Picture (.png, .jpg), .y4m or raw .yuv.")],
    size: Annotated[
        str | None,
        typer.Option("--size", help="WIDTHxHEIGHT to scale the picture to, after 'encode --scale': the source's size."),
    ] = None,
    frames: o.Frames = None,
    bit_depth: Annotated[
        int | None, typer.Option("--bit-depth", help="Bit depth of .yuv and .y4m files, 8..16 (default: the stream's).")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine", help="The engine that made the stream, if neither its suffix nor --codec determines it."
        ),
    ] = None,
    engine_option: EngineOptions = None,
    codec: Annotated[
        Path | None, typer.Option("--codec", help="For a stream of a learned codec: the codec's file (.idsec).")
    ] = None,
    matrix: o.Matrix = None,
    range_: o.Range = None,
    json: o.Json = False,
) -> None:
    """Decode a stream of any engine with FFmpeg (PyAV), or with the engine that made it."""
    options = o.input_options(None, bit_depth, None, frames, matrix, range_)
    wanted = None if size is None else parse_size(size)
    check_output_suffix(output)
    if output.exists() and stream.exists() and output.samefile(stream):
        raise IdseError(f"{output}: would overwrite the input; choose another name with -o")
    check_writable(output)
    name, chosen = _engine(engine, engine_option, codec)
    decoded = (
        read_frames(stream, options, coded=True)
        if name is None
        else _decode(stream, name, chosen, options)
    )
    if wanted is not None:
        decoded = scaled_back(decoded, *wanted)
    if bit_depth is not None:
        decoded = [frame.with_bit_depth(bit_depth) for frame in decoded]
    write_frames(output, decoded)
    first = decoded[0]
    if json:
        print_json({
            "output": str(output), "frames": len(decoded), "width": first.width, "height": first.height,
            "bit_depth": first.bit_depth, "chroma": first.chroma_format,
        })  # fmt: skip
    else:
        sampling = f"{first.bit_depth} bit  {first.chroma_format}"
        count = f"{len(decoded)} frame{'s' if len(decoded) > 1 else ''}"
        print(f"{count}  {first.width}x{first.height}  {sampling}  {output}")


def _engine(
    name: str | None, options: list[str] | None, codec: Path | None
) -> tuple[str | None, dict[str, Any]]:
    """Return the name and options of the engine that decodes; the name None means a decoder by the stream's suffix."""
    if codec is not None:
        if name not in (None, "learned"):
            raise IdseError("--codec is for learned codecs: add --engine learned, or leave it out")
        name = "learned"
    if name is None:
        if options:
            raise IdseError("--engine-option needs --engine")
        return None, {}
    return name, ({} if codec is None else {"codec": codec}) | engine_options(name, options)


def _decode(stream: Path, name: str, chosen: dict[str, Any], options: InputOptions) -> list[Frame]:
    coder = engine_class(name)
    engine = coder.from_options(chosen) if coder.has_own_decoder() else None
    try:
        data = stream.read_bytes()
    except OSError as error:
        raise IdseError(f"{stream}: cannot be read ({error.strerror})") from None
    if engine is not None:
        frames = engine.decode(data, name=str(stream))
    else:
        frames = decode_coded(
            data, coder.stream_format, name=str(stream), matrix=options.matrix, full_range=options.full_range
        )
    first, last = options.frames
    wanted = frames[first:last]
    if len(wanted) < (1 if last is None else last - first):
        raise IdseError(
            f"{stream}: has {len(frames)} frames, frames {first}:{last or ''} asked for: choose others with --frames"
        )
    return wanted
