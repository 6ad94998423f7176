"""Encoders with one base class (`base.Engine`); `get_engine` finds them by name among the installed packages."""

from __future__ import annotations

from idse.engines.base import EncodedStream, Engine, FrameStats
from idse.engines.registry import engine_class, engine_names, get_engine
from idse.engines.settings import EncodeSettings, FrequencyScope, NativeTools, Shaping, Target, WeightScope

__all__ = [
    "EncodeSettings",
    "EncodedStream",
    "Engine",
    "FrameStats",
    "FrequencyScope",
    "NativeTools",
    "Shaping",
    "Target",
    "WeightScope",
    "engine_class",
    "engine_names",
    "get_engine",
]
