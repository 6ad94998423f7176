"""A codec of a plan: an engine with its settings, the settings of its weight maps, and its QPs and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idse.engines import EncodeSettings, FrequencyScope, WeightScope
from idse.importance.settings import ImportanceSettings


@dataclass(frozen=True)
class PlanCodec:
    """One codec of a plan, which is a row of the report's tables.

    This is what a plan asks for; `idse.study.Codec` is what was measured.

    Attributes:
        name: Its name in tables.
        engine: The engine's name, one of `engine_names()`.
        options: The engine's options, as `Engine.from_options` takes them.
        settings: Fields of `EncodeSettings` by their flat names, except the QP.
        importance: How its weight maps are made.
        qps: The QPs at which pictures are coded, in the engine's own scale.
        scales: The sizes at which pictures are coded, in per cent.
        task_models: Files of detectors that are used for this codec instead of the plan's, by the plan's name.
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
            IdseError: A value is out of its range.
        """
        return EncodeSettings(qp=qp, **self.settings)

    def described(self) -> dict[str, Any]:
        """All that the plan asks for except name, QPs and sizes; JSON-serialisable."""
        settings = dict(self.settings)
        for name in ("weight_scope", "frequency_scope"):
            if isinstance(scope := settings.get(name), (WeightScope, FrequencyScope)):
                settings[name] = scope.value
        return {
            "engine": self.engine,
            "options": dict(self.options),
            "settings": settings,
            "importance": self.importance.deciding(),
        } | ({"task_models": dict(self.task_models)} if self.task_models else {})
