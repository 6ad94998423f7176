"""The main job in two calls: `MapMaker` makes the weight map of frames, `code` codes them with it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from idse.engines import EncodedStream, EncodeSettings, Engine
from idse.engines.base import Progress
from idse.errors import IdseError
from idse.media.coded import decode_coded
from idse.media.frame import Frame

if TYPE_CHECKING:
    from idse.features.base import FeatureExtractor
    from idse.importance.weight_map import WeightMap

METHODS = ("jacobian", "activity", "none")
SKETCHES = ("rademacher", "achlioptas", "gaussian")


@dataclass(frozen=True)
class ImportanceSettings:
    """How the weight map is made.

    Attributes:
        method: "jacobian" (a detector's), "activity" (no network) or "none" (no map).
        detector: "embedded", the name of a torchvision model, or an ONNX file.
        weights: File of the detector's weights, instead of its own.
        nodes: Names of the feature tensors; empty: found.
        proj_dim: Rows l of the sketch, 1..64.
        sketch: Distribution of the sketch's entries.
        seed: Decides the sketch.
        rounds: Maps averaged, 1..64.
        noise_sigma: Standard deviation of the input noise in each round, of 255.
        log2_unit: Side of a map's cell is 2**log2_unit luma samples, 0..7.
        tiles: Also the rank-l factor of each 8x8 tile.
        device: "auto", "cpu" or "cuda".

    Raises:
        IdseError: A value out of its range.
    """

    method: str = "jacobian"
    detector: str = "embedded"
    weights: Path | None = None
    nodes: tuple[str, ...] = ()
    proj_dim: int = 4
    sketch: str = "rademacher"
    seed: int = 0
    rounds: int = 1
    noise_sigma: float = 0.0
    log2_unit: int = 3
    tiles: bool = False
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, value, known in (("importance", self.method, METHODS), ("sketch", self.sketch, SKETCHES)):
            if value not in known:
                raise IdseError(f"{name} '{value}': must be one of {', '.join(known)}")
        for name, number, low, high in (
            ("proj dim", self.proj_dim, 1, 64),
            ("rounds", self.rounds, 1, 64),
            ("log2 unit", self.log2_unit, 0, 7),
            ("seed", self.seed, 0, 2**63 - 1),
        ):
            if not low <= number <= high:
                raise IdseError(f"{name} {number}: must be {low}..{high}")
        if not 0 <= self.noise_sigma <= 255:
            raise IdseError(f"noise sigma {self.noise_sigma}: must be 0..255")
        if self.weights is not None and not self.weights.is_file():
            raise IdseError(f"{self.weights}: no such file; --weights names the detector's weights")


class MapMaker:
    """Makes the maps of one `ImportanceSettings`; the detector is loaded once, when first needed.

    Attributes:
        load_seconds: Wall time of loading the detector, torch included; 0 so far.
        seconds: Wall time of the last map.
    """

    def __init__(self, settings: ImportanceSettings) -> None:
        self.settings = settings
        self.load_seconds = 0.0
        self.seconds = 0.0
        self._extractor: FeatureExtractor | None = None

    def __call__(self, frames: Sequence[Frame], progress: Progress | None = None) -> WeightMap | None:
        """The map of frames of one size; None for the method "none".

        Raises:
            IdseError: No such detector, device or weights.
        """
        s = self.settings
        if s.method == "none":
            self.seconds = 0.0
            return None
        from idse.importance import api

        if s.method == "jacobian" and self._extractor is None:
            began = time.perf_counter()
            self._extractor = _load(s)
            self.load_seconds = time.perf_counter() - began
        began = time.perf_counter()
        if self._extractor is None:
            weights = api.activity_map(frames, log2_unit=s.log2_unit)
        else:
            weights = api.estimate_map(
                frames,
                extractor=self._extractor,
                proj_dim=s.proj_dim,
                sketch=s.sketch,
                seed=s.seed,
                rounds=s.rounds,
                noise_sigma=s.noise_sigma,
                log2_unit=s.log2_unit,
                tiles=s.tiles,
                progress=progress,
            )
        self.seconds = time.perf_counter() - began
        return weights


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


def _load(settings: ImportanceSettings) -> FeatureExtractor:
    try:
        from idse.features.api import load_extractor
    except ImportError as error:
        raise IdseError(
            f"a detector's map needs torch ({error}): pip install torch, or choose activity"
        ) from None
    return load_extractor(
        settings.detector,
        weights=settings.weights,
        device=settings.device,
        nodes=list(settings.nodes) or None,
    )


def _finite(value: float) -> float | None:
    """JSON knows no infinity: a lossless plane's PSNR is null."""
    return value if np.isfinite(value) else None
