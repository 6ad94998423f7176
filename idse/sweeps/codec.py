"""One row of a sweep's tables: an engine, its settings, what makes its map, and the points of its curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idse.engines import EncodeSettings, WeightScope
from idse.importance.settings import ImportanceSettings


@dataclass(frozen=True)
class PlanCodec:
    """One codec of a plan, a row of its tables: what is asked for, where `idse.study.Codec` is what was measured.

    Attributes:
        name: Row of the tables.
        engine: One of `engine_names()`.
        options: Of the engine, as `Engine.from_options` takes them.
        settings: Fields of `EncodeSettings` by their flat names, beside the QP.
        importance: How its map is made.
        qps: Points of the curve, in the engine's own scale.
        scales: Sizes that the pictures are coded at, in per cent.
        task_models: Files of detectors that look at this codec's pictures in the place of the plan's, by its name.
    """

    name: str
    engine: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    importance: ImportanceSettings
    qps: tuple[int, ...]
    scales: tuple[int, ...] = (100,)
    task_models: Mapping[str, str] = field(default_factory=dict)

    def encode_settings(self, qp: int) -> EncodeSettings:
        """The settings of an encode at a QP.

        Raises:
            IdseError: A value out of its range.
        """
        return EncodeSettings(qp=qp, **self.settings)

    def described(self) -> dict[str, Any]:
        """JSON-able: all that was asked for, but name and points."""
        settings = dict(self.settings)
        if isinstance(scope := settings.get("weight_scope"), WeightScope):
            settings["weight_scope"] = scope.value
        return {
            "engine": self.engine,
            "options": dict(self.options),
            "settings": settings,
            "importance": self.importance.deciding(),
        } | ({"task_models": dict(self.task_models)} if self.task_models else {})
