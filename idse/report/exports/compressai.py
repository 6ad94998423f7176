"""CompressAI's JSON, `{name, description, results: {bpp: [...], psnr-y: [...], ...}}`, a file a codec, both ways."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from idse.errors import IdseError
from idse.json_text import parse_json
from idse.report.results import CodecResults, Position, Results

_NAMES = {"psnr_y": "psnr-y", "psnr_u": "psnr-u", "psnr_v": "psnr-v", "ms_ssim": "ms-ssim-y"}
_OURS = {theirs: ours for ours, theirs in _NAMES.items()}
_NO_QUALITY = (
    "bpp", "qp", "scale", "encoding_time", "decoding_time", "encode_cpu_per_megapixel", "decode_cpu_per_megapixel",
    "estimated_bpp",
)  # fmt: skip


def compressai(codec: CodecResults) -> dict[str, Any]:
    """A codec's points by rising rate in CompressAI's format; with several sizes, the Pareto front of luma PSNR.

    MS-SSIM is between 0 and 1, as in CompressAI, computed from the mean in dB. Other measures keep their keys.
    """
    front = codec.front("psnr_y" if "psnr_y" in codec.qualities else next(iter(codec.qualities)))
    results: dict[str, list[float | None]] = {
        "bpp": [codec.positions[i].bpp for i in front],
        "qp": [codec.positions[i].qp for i in front],
        "scale": [codec.positions[i].scale for i in front],
    }
    for key, qualities in codec.qualities.items():
        values = [qualities[i] for i in front]
        if key == "ms_ssim":
            values = [1 - 10 ** (-v / 10) for v in values]
        results[_NAMES.get(key, key)] = [v if math.isfinite(v) else None for v in values]
    described = f"{codec.engine} {codec.version}".strip()
    if codec.settings_hash:
        described += f", settings {codec.settings_hash}"
    return {"name": codec.name, "description": described, "results": results}


def read_compressai(paths: Iterable[Path], name: str) -> Results:
    """Read files of CompressAI or of `compressai` as results.

    Raises:
        IdseError: A file is not in this format.
    """
    codecs = [_read(path) for path in paths]
    titles = dict.fromkeys(key for codec in codecs for key in codec.qualities)
    return Results(name, {key: key for key in titles}, tuple(codecs))


def _read(path: Path) -> CodecResults:
    try:
        read = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IdseError(
            f"{path}: cannot be read as JSON ({getattr(error, 'strerror', None) or error})"
        ) from None
    try:
        results = {
            str(k): [math.nan if v is None else float(v) for v in values]
            for k, values in read.get("results", read).items()  # older files are the lists alone
            if isinstance(values, list)
        }
        bpp = results["bpp"]
        if any(len(values) != len(bpp) for values in results.values()):
            raise ValueError("the lists differ in length")
        name, description = str(read.get("name", path.stem)), str(read.get("description", ""))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise IdseError(
            f"{path}: this is not a file of results in CompressAI's format (name, results: bpp and further lists "
            f"of the same length): {error}"
        ) from None
    positions = tuple(
        Position(q, int(s), b)
        for q, s, b in zip(
            results.get("qp", [math.nan] * len(bpp)), results.get("scale", [100] * len(bpp)), bpp, strict=True
        )
    )
    qualities = {_OURS.get(k, k): tuple(_quality(k, v)) for k, v in results.items() if k not in _NO_QUALITY}
    return CodecResults(name, "", description, "", positions, qualities)


def _quality(key: str, values: list[float]) -> list[float]:
    """MS-SSIM in dB; other values unchanged."""
    if not key.startswith("ms-ssim"):
        return values
    return [-10 * math.log10(1 - v) if v < 1 else math.inf for v in values]
