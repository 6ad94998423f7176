"""One row of a sweep's tables: an engine, its settings, what makes its map, and the points of its curve."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idse.engines import ENGINES, EncodeSettings, WeightScope, engine_class
from idse.engines.base import PRESETS
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
    """

    name: str
    engine: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    importance: Importance
    qps: tuple[int, ...]
    scales: tuple[int, ...] = (100,)

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
        }


_OWN = ("name", "engine", "qp", "scale", "importance")
_IMPORTANCE = {f.name for f in dataclasses.fields(Importance)}
_SETTINGS = {f.name for f in dataclasses.fields(EncodeSettings)} - {
    "qp",
    "target_bytes",
    "target_bpp",
    "threads",
}


def read_codecs(
    table: Mapping[str, Any], defaults: Mapping[str, Any], folder: Path, seed: int
) -> list[Codec]:
    """The codecs that one `[[codecs]]` table means: lists, but of QPs and scales, multiply.

    Args:
        table: Of the plan.
        defaults: The plan's `qp` and `scale`.
        folder: What paths are relative to.
        seed: Of the maps.

    Raises:
        IdseError: A key or value that is unknown.
    """
    engine = str(table.get("engine", table.get("name", "")))
    if engine not in ENGINES:
        raise IdseError(f"plan: codec with engine '{engine}': must be one of {', '.join(ENGINES)}")
    name = str(table.get("name", engine))
    qps = _points(name, "qp", table.get("qp", defaults.get("qp")), 0, 100)
    low, high = engine_class(engine).qp_range
    if wrong := [q for q in qps if not low <= q <= high]:
        raise IdseError(f"plan: codec '{name}': qp {wrong[0]}: {engine} takes {low}..{high}")
    scales = _points(name, "scale", table.get("scale", defaults.get("scale", [100])), 5, 100)
    importance = table.get("importance", {})
    if isinstance(importance, str):
        importance = {"method": importance}
    if not isinstance(importance, dict):
        raise IdseError(f"plan: codec '{name}': importance must be a method's name or a table")
    if unknown := set(importance) - _IMPORTANCE:
        raise IdseError(
            f"plan: codec '{name}': importance knows no '{sorted(unknown)[0]}': {', '.join(sorted(_IMPORTANCE))}"
        )
    if (
        importance
        and importance.get("method", "jacobian") != "none"
        and not engine_class(engine).takes_weights
    ):
        raise IdseError(f"plan: codec '{name}': {engine} takes no weight map; leave out importance")
    accepted = set(inspect.signature(engine_class(engine).__init__).parameters) - {"self"}
    if engine == "vtm":
        from idse.engines.vtm.options import VtmOptions

        accepted = {"root"} | {f.name for f in dataclasses.fields(VtmOptions)}
    rest = {k: v for k, v in table.items() if k not in _OWN}
    for key in rest:
        if key not in accepted | _SETTINGS:
            known = ", ".join(sorted(accepted | _SETTINGS | set(_OWN)))
            raise IdseError(f"plan: codec '{name}': unknown key '{key}'; {engine} takes {known}")
    codecs = []
    for chosen, label in _expand(rest, importance):
        options = {k: v for k, v in chosen[0].items() if k in accepted}
        settings = {k: _setting(name, k, v) for k, v in chosen[0].items() if k not in accepted}
        if "root" in options:
            options["root"] = str((folder / options["root"]).expanduser())
        asked: dict[str, Any] = ({"method": "jacobian", "seed": seed} | chosen[1]) if importance else {}
        if isinstance(asked.get("weights"), str):
            asked["weights"] = str(folder / asked["weights"])
        try:
            made = Importance(**asked)
            if made.method == "roi":  # the boxes' weights are meant as they are
                settings = {"tau": 0.0, "exponent": 1.0, "clip_qp": 12.0} | settings
            codec = Codec(name + label, engine, options, settings, made, qps, scales)
            codec.encode_settings(qps[0])
        except (TypeError, ValueError) as error:
            raise IdseError(f"plan: codec '{name}': {error}") from None
        except IdseError as error:
            raise IdseError(f"plan: codec '{name}': {error}") from None
        codecs.append(codec)
    return codecs


_SHORT = {"proj_dim": "l", "exponent": "e", "weight_scope": "scope"}


def _expand(
    rest: Mapping[str, Any], importance: Mapping[str, Any]
) -> Iterator[tuple[tuple[dict[str, Any], dict[str, Any]], str]]:
    """Every choice from the lists, with what tells it apart: " l=8 tau=0.1"."""
    many = [
        (part, k)
        for part, table in enumerate((rest, importance))
        for k, v in table.items()
        if isinstance(v, list)
    ]
    # Tuples of an engine (VTM's tools, further arguments) are lists of strings in TOML: they stay one value.
    many = [(p, k) for p, k in many if k not in ("tools", "extra", "nodes")]
    tables = (rest, importance)
    for values in itertools.product(*[tables[p][k] for p, k in many]):
        chosen = dict(rest), dict(importance)
        for (part, key), value in zip(many, values, strict=True):
            chosen[part][key] = value
        yield chosen, "".join(f" {_SHORT.get(k, k)}={v}" for (_, k), v in zip(many, values, strict=True))


def _points(name: str, key: str, value: Any, low: int, high: int) -> tuple[int, ...]:
    values = value if isinstance(value, list) else [value]
    if value is None or not values:
        raise IdseError(f"plan: codec '{name}': give {key}, here or for the whole plan")
    for v in values:
        if isinstance(v, bool) or not isinstance(v, int) or not low <= v <= high:
            raise IdseError(f"plan: codec '{name}': {key} {v}: must be whole numbers {low}..{high}")
    return tuple(dict.fromkeys(values))


def _setting(name: str, key: str, value: Any) -> Any:
    if key == "weight_scope":
        return WeightScope.parse(str(value))
    if key == "preset" and isinstance(value, str):
        if value not in PRESETS:
            raise IdseError(f"plan: codec '{name}': preset '{value}': must be one of {', '.join(PRESETS)}")
        return PRESETS.index(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise IdseError(f"plan: codec '{name}': {key} {value}: must be finite")
    return value
