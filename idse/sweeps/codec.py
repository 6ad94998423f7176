"""One row of a sweep's tables: an engine, its settings, what makes its map, and the points of its curve."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idse.engines import EncodeSettings, WeightScope
from idse.errors import IdseError

METHODS = ("none", "jacobian", "activity", "roi")


@dataclass(frozen=True)
class Importance:
    """What makes a codec's weight map.

    Attributes:
        method: "none", "jacobian" (a detector's), "activity" (no network) or "roi" (a detector's boxes).
        detector: Name of one of the plan's detectors, or what `idse encode --detector` takes; for "jacobian" several
            joined by "+" are summed, each divided by its mean.
        weights: File of the detector's weights, where it is none of the plan's.
        proj_dim: Rows l of the sketch.
        sketch: Distribution of the sketch's entries.
        seed: Decides the sketch.
        rounds: Maps averaged.
        noise_sigma: Standard deviation of the input noise in each round, of 255.
        log2_unit: Side of a map's cell is 2**log2_unit luma samples.
        tiles: Rank-l tiles as the distortion of luma.
        device: Where the detector runs.
        blend_activity: Power of the activity that the map is multiplied by.
        chroma_planes: Keep the map's chroma planes.
        roi_qp: Of "roi": by how many QPs boxes are coded finer than the rest.
        roi_score: Of "roi": least score of a box that counts.
    """

    method: str = "none"
    detector: str = "embedded"
    weights: str | None = None
    proj_dim: int = 4
    sketch: str = "rademacher"
    seed: int = 0
    rounds: int = 1
    noise_sigma: float = 0.0
    log2_unit: int = 3
    tiles: bool = False
    device: str = "auto"
    blend_activity: float = 0.0
    chroma_planes: bool = True
    roi_qp: float = 6.0
    roi_score: float = 0.3

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise IdseError(f"importance method '{self.method}': must be one of {', '.join(METHODS)}")
        if not 0 < self.roi_qp <= 12:
            raise IdseError(f"roi_qp {self.roi_qp}: must be above 0, at most 12")

    @property
    def detectors(self) -> list[str]:
        """Detectors that the map needs."""
        return self.detector.split("+") if self.method in ("jacobian", "roi") else []

    def deciding(self) -> dict[str, Any]:
        """The fields that the method looks at."""
        names = {
            "none": (),
            "activity": ("log2_unit",),
            "roi": ("detector", "weights", "log2_unit", "roi_qp", "roi_score"),
            "jacobian": tuple(
                f.name
                for f in dataclasses.fields(self)
                if not f.name.startswith("roi_") and f.name != "method"
            ),
        }[self.method]
        return {"method": self.method} | {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Codec:
    """A codec of a plan.

    Attributes:
        name: Row of the tables.
        engine: One of `ENGINES`.
        options: Of the engine's class.
        settings: Of `EncodeSettings`, beside the QP.
        importance: What makes its map.
        qps: Points of the curve, in the engine's own scale.
        scales: Sizes that the pictures are coded at, in per cent.
        task_models: Files of detectors that look at this codec's pictures in the place of the plan's, by its name.
    """

    name: str
    engine: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    importance: Importance
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
