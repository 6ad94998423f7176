"""`idse info`: describes a stream without decoding it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from idse.cli import options as o
from idse.cli.output import print_json
from idse.errors import IdseError
from idse.learned.coding.stream import is_learned, unpack
from idse.media.vvc_stream import parse_stream


def info(
    stream: Annotated[Path, typer.Argument(metavar="STREAM", help="VVC stream (.266), or a learned codec's (.idsl).")],
    json: o.Json = False,
) -> None:
    """Describe the contents of a stream of VVC or of a learned codec, without decoding it."""
    try:
        data = stream.read_bytes()
    except OSError as error:
        raise IdseError(f"{stream}: cannot be read ({error.strerror})") from None
    if not data:
        raise IdseError(f"{stream}: the file is empty")
    if is_learned(data):
        _learned(data, stream, json)
        return
    found = parse_stream(data, str(stream))
    sps = found.sps
    if json:
        print_json({
            "stream": str(stream), "bytes": found.size, "frames": found.frames, "md5_frames": len(found.md5s),
            **asdict(sps), "nals": [{"type": kind, "bytes": size} for kind, size in found.nals],
        })  # fmt: skip
        return
    coded = "" if (sps.width, sps.height) == (sps.coded_width, sps.coded_height) else (
        f" (coded as {sps.coded_width}x{sps.coded_height})"
    )  # fmt: skip
    print(f"size      {sps.width}x{sps.height}{coded}")
    print(f"profile   {sps.profile}, {sps.tier} tier, level {sps.level}")
    print(f"samples   {sps.bit_depth} bit, {':'.join(sps.chroma_format)}")
    print(f"ctu       {sps.ctu_size}")
    print(f"frames    {found.frames}, {len(found.md5s)} with MD5")
    for kind, (count, size) in found.bytes_by_type().items():
        print(f"{kind:<12}{count:>6} NAL units {size:>10} bytes")
    bpp = f"  {8 * found.size / (sps.width * sps.height * found.frames):.4f} bpp" if found.frames else ""
    print(f"{found.size} bytes{bpp}")


def _learned(data: bytes, stream: Path, json: bool) -> None:
    header, payloads = unpack(data, str(stream))
    strings = sum(len(string) for payload in payloads for string in payload)
    if json:
        print_json({
            "stream": str(stream), "bytes": len(data), "string_bytes": strings, **asdict(header),
            "strings": [[len(string) for string in payload] for payload in payloads],
        })  # fmt: skip
        return
    print(f"size      {header.width}x{header.height}")
    print(f"samples   {header.bit_depth} bit, {':'.join(header.chroma_format)}, {header.matrix}")
    print(f"decoder   {header.decoder_id:08x} of a learned codec")
    print(f"frames    {header.frames}, {len(header.checksums)} with a checksum")
    print(f"strings   {strings} bytes, {len(data) - strings} bytes around them")
    print(f"{len(data)} bytes  {8 * len(data) / (header.width * header.height * header.frames):.4f} bpp")
