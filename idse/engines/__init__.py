"""Encoders behind one protocol (`base.Engine`); `get_engine` finds them by name."""

from __future__ import annotations

from idse.engines.base import EncodedStream, EncodeSettings, Engine, FrameStats, WeightScope
from idse.errors import IdseError

ENGINES = ("native",)

__all__ = ["ENGINES", "EncodeSettings", "EncodedStream", "Engine", "FrameStats", "WeightScope", "get_engine"]


def get_engine(name: str) -> Engine:
    """The engine of that name.

    Raises:
        IdseError: No such engine, or it is not built here.
    """
    if name == "native":
        from idse.engines.native import NativeEngine

        return NativeEngine()
    raise IdseError(f"engine '{name}' is unknown: this version has {', '.join(ENGINES)}")
