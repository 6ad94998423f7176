"""Coding frames with a weight map, decoding them again, and the figures of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from idse.engines import EncodedStream, EncodeSettings, Engine
from idse.engines.base import Progress
from idse.errors import IdseError
from idse.media.coded import decode_coded
from idse.media.frame import Frame

if TYPE_CHECKING:
    from idse.importance.maker import MapMaker
    from idse.importance.weight_map import WeightMap


def code(
    frames: Sequence[Frame],
    weights: WeightMap | None,
    settings: EncodeSettings,
    engine: Engine,
    *,
    verify: bool = False,
    progress: Progress | None = None,
) -> EncodedStream:
    """Encode and, if wanted, have a decoder (FFmpeg's, where it has one) confirm every sample.

    Raises:
        IdseError: The input cannot be coded, the decoder knows no streams of this engine, or gives other samples.
    """
    if verify:
        check_verifiable(engine)
    stream = engine.encode(frames, weights, settings, progress)
    if verify:
        compare(decode(stream.data, engine, frames[0]), stream.recon)
    return stream


def decode(data: bytes, engine: Engine, like: Frame) -> list[Frame]:
    """Decode a stream of an engine: by FFmpeg, or by the engine where FFmpeg knows no such streams.

    Args:
        data: The whole stream.
        engine: That made it.
        like: The source: the frames get its matrix, range and chroma format.

    Raises:
        IdseError: A damaged stream, or one that this engine did not make.
    """
    own = getattr(engine, "decode", None)
    return decode_coded(data, engine.stream_format, like) if own is None else list(own(data))


def check_verifiable(engine: Engine) -> None:
    """Raise an `IdseError` if FFmpeg does not decode this engine's streams."""
    refusal: str | None = getattr(engine, "verify_refusal", None)
    if refusal is not None:
        raise IdseError(refusal)


def compare(decoded: Sequence[Frame], expected: Sequence[Frame]) -> None:
    """Raise an `IdseError` unless both hold the same samples."""
    if len(decoded) != len(expected):
        raise IdseError(
            f"verify: the decoder gives {len(decoded)} frames, {len(expected)} were coded: please report it"
        )
    for number, (a, b) in enumerate(zip(decoded, expected, strict=True)):
        for plane, x, y in zip(("Y", "Cb", "Cr"), a.planes, b.planes, strict=False):
            if x.shape != y.shape or not np.array_equal(x, y):
                raise IdseError(
                    f"verify: plane {plane} of frame {number} decodes to other samples: please report it"
                )


def summary(
    stream: EncodedStream, maker: MapMaker | None = None, weights: WeightMap | None = None
) -> dict[str, Any]:
    """The figures of an encode, and the origin of its map, JSON-serialisable."""
    return {
        "bytes": len(stream.data),
        "bpp": stream.bpp,
        "psnr": _finite(stream.psnr),
        "frames": [
            {
                "bytes": f.bytes,
                "qp": f.qp,
                "cb_qp_offset": f.cb_qp_offset,
                "cr_qp_offset": f.cr_qp_offset,
                "psnr": [_finite(p) for p in f.psnr],
            }
            for f in stream.frames
        ],
        "load_seconds": maker.load_seconds if maker else 0.0,
        "map_seconds": maker.seconds if maker else 0.0,
        "encode_seconds": stream.seconds,
        "provenance": stream.provenance | {"map": weights.meta if weights else None},
    }


def _finite(value: float) -> float | None:
    """JSON knows no infinity: a lossless plane's PSNR is null."""
    return value if np.isfinite(value) else None
