"""The native VVC intra encoder (cpp/vvc) as an engine."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from idse.engines.base import EncodedStream, Engine, FrameStats, Progress, check_frames
from idse.engines.settings import SCALING_LISTS, EncodeSettings, WeightScope
from idse.errors import IdseError
from idse.media.frame import Frame

if TYPE_CHECKING:
    from idse.importance.weight_map import WeightMap

class NativeEngine(Engine):
    """The VVC encoder of this package: all intra, Main 10; input of 8..10 bit in 4:2:0 or 4:0:0, coded in 10 bit.

    Raises:
        IdseError: The compiled module is missing.
    """

    name = "native"
    stream_format = "vvc"
    takes_weights = True
    takes_target = True
    takes_md5 = True
    takes_chroma_offsets = True

    def __init__(self) -> None:
        self._native: ModuleType = _load()
        self.version: str = self._native.encoder_version()

    @functools.cached_property
    def identity(self) -> dict[str, str]:
        """Hash of the compiled module: results of different builds are kept apart."""
        return {"build": _build(self._native.__file__)}

    def encode(
        self,
        frames: Sequence[Frame],
        weights: WeightMap | None,
        settings: EncodeSettings,
        progress: Progress | None = None,
    ) -> EncodedStream:
        """Code frames of one size; see `Engine.encode`. Safe to call from several threads at once.

        Without weights, or with `WeightScope.NONE`, distortion is plain squared error.
        """
        check_frames(frames)
        self.check(settings, weighted=weights is not None)
        first = frames[0]
        if first.bit_depth > 10:
            raise IdseError(f"bit depth {first.bit_depth}: the native engine takes 8..10; convert the input")
        depth = 8 if first.bit_depth == 8 else 10
        scope = settings.shaping.weight_scope
        native_weights: list[Any] = []
        if weights is not None and scope is not WeightScope.NONE:
            weights.check_fits(first.width, first.height, len(frames))
            native_weights = [
                self._native.Weights(
                    weights.log2_unit,
                    list(weights.planes[i]),
                    None if weights.tiles is None else weights.tiles[i],
                    None if weights.profiles is None else weights.profiles[i],
                )
                for i in range(len(frames))
            ]

        given = settings.record() | {"target_bytes": settings.target.frame_bytes(first.width, first.height)}
        del given["target_bpp"]
        given["scaling_lists"] = SCALING_LISTS.index(settings.shaping.scaling_lists)
        native_settings = self._native.Settings()
        for name, value in given.items():
            setattr(native_settings, name, value)

        began = time.perf_counter()
        data, recon, stats = self._native.encode(
            [[p.astype(np.uint16, copy=False) for p in f.with_bit_depth(depth).planes] for f in frames],
            first.width,
            first.height,
            depth,
            0 if first.chroma_format == "400" else 1,
            native_weights,
            native_settings,
            progress,
        )
        seconds = time.perf_counter() - began
        return EncodedStream(
            data=data,
            recon=[
                Frame(tuple(p), 10, f.chroma_format, f.matrix, f.full_range)
                for p, f in zip(recon, frames, strict=True)
            ],
            frames=[FrameStats(**s) for s in stats],
            seconds=seconds,
            provenance=self.provenance(settings),
        )


@functools.cache
def _build(file: str | None) -> str:
    return "" if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12]


def _load() -> ModuleType:
    try:
        from idse import _native
    except ImportError as error:
        raise IdseError(f"the native encoder is not built here ({error}): run 'pip install .'") from None
    return _native
