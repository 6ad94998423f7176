"""`idse info`: describes a stream without decoding it, or a weight map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from idse.cli import options as o
from idse.cli.output import print_json
from idse.errors import IdseError
from idse.importance.caption import caption, printable, profile_words, single_maps
from idse.importance.profile_picture import plane_names, relative
from idse.importance.weight_map import LOWEST, MAGIC, WeightMap
from idse.learned.coding.stream import is_learned, unpack
from idse.media.vvc_stream import parse_stream


def info(
    stream: Annotated[
        Path,
        typer.Argument(
            metavar="STREAM", help="VVC stream (.266), a learned codec's (.idsl), or a weight map (.idsew)."
        ),
    ],
    json: o.Json = False,
) -> None:
    """Describe the contents of a stream of VVC or of a learned codec, without decoding it, or of a weight map."""
    try:
        data = stream.read_bytes()
    except OSError as error:
        raise IdseError(f"{stream}: cannot be read ({error.strerror})") from None
    if not data:
        raise IdseError(f"{stream}: the file is empty")
    if data.startswith(MAGIC):
        _weight_map(WeightMap.load(stream), len(data), stream, json)
        return
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


def _weight_map(found: WeightMap, size: int, path: Path, json: bool) -> None:
    of = caption(found.meta)
    if json:
        print_json({
            "map": str(path), "bytes": size, "width": found.width, "height": found.height, "frames": found.frames,
            "rows": found.rows, "columns": found.cols, "unit": 1 << found.log2_unit, "chroma": found.has_chroma,
            "tiles": None if found.tiles is None else found.tiles.shape[3], "caption": of,
            "profile": found.meta.get("profile") if found.profiles is not None else None,
            "profile_planes": 0 if found.profiles is None else found.profiles.shape[1], "provenance": found.meta,
        })  # fmt: skip
        return
    print(f"map of    {of or 'unknown origin: its META does not say what it is of'}")
    print(f"size      {found.width}x{found.height}")
    cells = 1 << found.log2_unit
    planes = "luma, Cb and Cr" if found.has_chroma else "luma only"
    print(f"weights   {found.frames} x {found.cols}x{found.rows} of {cells}x{cells} samples, {planes}")
    if found.tiles is not None:
        print(f"tiles     factors of {found.tiles.shape[3]} rows")
    if found.profiles is not None:
        print(f"profile   {profile_words(found.meta) or 'of unknown origin'}; {_fall(found)}")
    for network in _networks(found.meta):
        print(f"network   {network}")
    print(f"{size} bytes")


def _fall(found: WeightMap) -> str:
    """How far a map's profiles fall from the lowest to the highest 3x3 frequencies, averaged over the frames."""
    assert found.profiles is not None
    falls = [
        sum(float(relative(frame[plane])[-LOWEST:, -LOWEST:].mean()) for frame in found.profiles) / found.frames
        for plane in range(found.profiles.shape[1])
    ]
    each = zip(plane_names(found), falls, strict=True)
    return "the highest 3x3 frequencies weigh " + ", ".join(f"{fall:.3g} ({name})" for name, fall in each)


def _networks(meta: Mapping[str, Any]) -> list[str]:
    """Name and hash of the weights of each detector in a map's META, once each."""
    found = []
    for single in single_maps(meta):
        for name, about in (("extractor_name", "extractor"), ("detector_name", "detector")):
            described = single.get(about)
            if isinstance(described, Mapping):
                words = (single.get(name), described.get("kind"), described.get("weights_sha256"))
                found.append("  ".join(printable(str(w), 80) for w in words if w is not None))
    return list(dict.fromkeys(found))
