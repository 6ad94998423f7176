"""Encoders behind one protocol (`base.Engine`); `get_engine` finds them by name."""

from __future__ import annotations

from typing import Any

from idse.engines.base import EncodedStream, EncodeSettings, Engine, FrameStats, WeightScope
from idse.errors import IdseError

ENGINES = ("native", "vtm", "x265", "svtav1", "x264", "jpeg", "learned")

__all__ = [
    "ENGINES",
    "EncodeSettings",
    "EncodedStream",
    "Engine",
    "FrameStats",
    "WeightScope",
    "engine_class",
    "get_engine",
]


def engine_class(name: str) -> type[Any]:
    """The class of an engine; nothing is loaded or looked for yet.

    Args:
        name: One of `ENGINES`.

    Raises:
        IdseError: No such engine.
    """
    if name == "native":
        from idse.engines.native import NativeEngine

        return NativeEngine
    if name == "vtm":
        from idse.vtm.engine import VtmEngine

        return VtmEngine
    if name == "x265":
        from idse.engines.ffmpeg.x265 import X265Engine

        return X265Engine
    if name == "svtav1":
        from idse.engines.ffmpeg.svtav1 import SvtAv1Engine

        return SvtAv1Engine
    if name == "x264":
        from idse.engines.ffmpeg.x264 import X264Engine

        return X264Engine
    if name == "jpeg":
        from idse.engines.ffmpeg.jpeg import JpegEngine

        return JpegEngine
    if name == "learned":
        from idse.learned.engine import LearnedEngine

        return LearnedEngine
    raise IdseError(f"engine '{name}' is unknown: this version has {', '.join(ENGINES)}")


def get_engine(name: str, **options: Any) -> Engine:
    """The engine of that name.

    Args:
        name: One of `ENGINES`.
        options: The engine's own: `root` and `options` of `VtmEngine`; `preset`, `bit_depth` and `params` of
            the anchors (`idse.engines.ffmpeg`); `codec` of `LearnedEngine`; none for native.

    Raises:
        IdseError: No such engine, or it is not built here.
    """
    engine: Engine = engine_class(name)(**options)
    return engine
