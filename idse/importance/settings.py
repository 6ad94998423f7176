"""How a weight map is made: one set of settings for the command line, plans and the Python API.

Only values are checked here. Files and devices are checked when the map is made.
"""

from __future__ import annotations

import dataclasses
import numbers
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idse.errors import IdseError
from idse.importance.detection_metric import METRICS

METHODS = ("jacobian", "activity", "roi", "none")
SKETCHES = ("rademacher", "achlioptas", "gaussian")
LEVEL_NORMS = ("none", "mean", "energy")
TARGETS = ("features", "detections", "both")
PLACES = ("decoded", "both")
PROFILES = ("own", "none", "embedded", "lowpass")
"""Values of `profile` that name no file."""

SHAPING: Mapping[str, Mapping[str, float]] = {"roi": {"tau": 0.0, "exponent": 1.0, "clip_qp": 12.0}}
"""By method, other defaults for shaping: with these, boxes get exactly the QP difference that was asked for."""

_NO_VALUE = object()
_DEVICE = re.compile(r"auto|(cpu|cuda)(:\d+)?")
_WHOLE = {
    "proj_dim": (1, 64),
    "seed": (0, 2**63 - 1),
    "rounds": (1, 64),
    "log2_unit": (0, 7),
    "passes": (1, 2),
}
_REAL = {
    "noise_sigma": (0, 255),
    "blend_activity": (0, 16),
    "roi_qp": (0, 12),
    "roi_score": (0, 1),
    "profile_prior": (0, 1),
}
_CHOICES = {
    "method": METHODS,
    "sketch": SKETCHES,
    "level_norm": LEVEL_NORMS,
    "target": TARGETS,
    "metric": tuple(METRICS),
    "at": PLACES,
}
_FLAGS = ("tiles", "chroma_planes")
FIRST_VALUES: Mapping[str, Any] = {
    "level_norm": "none",
    "nodes": (),
    "target": "features",
    "metric": "default",
    "passes": 1,
    "at": "both",
    "profile": "none",
    "profile_prior": 0.0,
}
"""Fields that the first stores did not have, with the values that make the maps of that time."""


@dataclass(frozen=True)
class ImportanceSettings:
    """How the weight map is made.

    Attributes:
        method: "jacobian" (a detector's sketched Jacobian), "activity" (no network), "roi" (a detector's boxes) or
            "none" (no map).
        detector: "embedded", the name of a torchvision model, or an ONNX file. With "jacobian" several names, joined
            by "+": their maps are summed, each divided by its mean.
        weights: File of the detector's weights, instead of its own.
        nodes: Names of the feature tensors of a single detector; empty: found in its graph.
        proj_dim: Rows l of the sketch, 1..64.
        sketch: Distribution of the sketch's entries: "rademacher", "achlioptas" or "gaussian".
        seed: Decides the sketch and the noise, 0..2**63 - 1.
        rounds: Number of maps that are averaged, 1..64.
        noise_sigma: Standard deviation of the noise added to the samples in each round, in 8-bit units, 0..255.
        level_norm: How a detector's feature levels add up: "none" (sum of squared errors), "mean" (mean squared
            error of each level) or "energy" (squared error of each level relative to its energy).
        log2_unit: The side of a map's cell is 2**log2_unit luma samples, 0..7.
        tiles: Also keep the rank-l factor of each 8x8 tile.
        device: Where the detector runs: "auto", "cpu", "cuda" or "cuda:1".
        blend_activity: With "jacobian": power of the activity that the map is multiplied by, 0..16; 0: not.
        chroma_planes: Keep the map's planes for Cb and Cr.
        roi_qp: With "roi": QP steps by which boxes are coded finer than the rest, above 0, at most 12.
        roi_score: With "roi": boxes with a score above this count, 0..1.
        target: What the map preserves: the "features" of the detector's heads, the "detections" that they report, or
            "both": the sum of both maps, each divided by its mean.
        metric: How changes of detections are weighted, a name in `detection_metric.METRICS`.
        passes: 1: the Jacobian is taken at the source. 2: also, or only, at the picture that a first encode gives.
        at: With 2 passes, where the Jacobian is taken: "decoded", or "both" ends (the sum of both maps).
        profile: The weights over frequency: "own" (of the method's own rows; "activity", "roi" and "none" have no
            rows and therefore no profile), "none", "embedded" (the mean over the pictures that the embedded network
            was trained with), "lowpass" (made up, without a network), or a file that `idse map --profile` wrote.
        profile_prior: Share of the embedded network's mean profile that is mixed into an "own" one, 0..1.

    Raises:
        IdseError: A value of the wrong type, or out of its range.
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
    level_norm: str = "none"
    log2_unit: int = 3
    tiles: bool = False
    device: str = "auto"
    blend_activity: float = 0.0
    chroma_planes: bool = True
    roi_qp: float = 6.0
    roi_score: float = 0.3
    target: str = "both"
    metric: str = "default"
    passes: int = 1
    at: str = "both"
    profile: str = "own"
    profile_prior: float = 0.0

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise IdseError(f"{_said(name)} '{getattr(self, name)}': must be one of {', '.join(known)}")
        for name, (least, most) in _WHOLE.items():
            _check_number(name, getattr(self, name), least, most, numbers.Integral)
        for name, (low, high) in _REAL.items():
            _check_number(name, getattr(self, name), low, high, numbers.Real)
        if self.roi_qp == 0:
            raise IdseError("roi qp 0: must be above 0, at most 12")
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise IdseError(f"{_said(name)} {getattr(self, name)!r}: must be true or false")
        if not isinstance(self.device, str) or not _DEVICE.fullmatch(self.device):
            raise IdseError(f"device '{self.device}': must be cpu, cuda or auto")
        if self.weights is not None:
            if not isinstance(self.weights, (str, Path)):
                raise IdseError(f"weights {self.weights!r}: must be the name of a file")
            object.__setattr__(self, "weights", Path(self.weights))
        self._check_detectors()

    def _check_detectors(self) -> None:
        if not isinstance(self.detector, str) or not all(self.detectors_named()):
            raise IdseError(f"detector {self.detector!r}: must be a name, or several joined by '+'")
        if not isinstance(self.nodes, (list, tuple)) or not all(isinstance(n, str) for n in self.nodes):
            raise IdseError(f"nodes {self.nodes!r}: must be a list of names")
        object.__setattr__(self, "nodes", tuple(self.nodes))
        count = len(self.detectors_named())
        if count > 1 and self.nodes:
            raise IdseError(f"nodes name the features of one detector, not of {count}; leave them out")
        if count > 1 and self.method == "roi":
            raise IdseError(f"importance roi takes the boxes of one detector, not of {count}")

    def detectors_named(self) -> list[str]:
        """The names in `detector`; a file whose own name has a "+" is one."""
        return [self.detector] if os.path.isfile(self.detector) else self.detector.split("+")

    @property
    def detectors(self) -> list[str]:
        """The detectors that the method uses."""
        return self.detectors_named() if self.method in ("jacobian", "roi") else []

    @property
    def replaces_profile(self) -> bool:
        """Whether the map gets a profile that is not its method's own: also the methods without rows have one then."""
        return self.profile not in ("own", "none")

    @property
    def makes_map(self) -> bool:
        """Whether there is a map: with the method "none", only if a profile is asked for."""
        return self.method != "none" or self.replaces_profile

    @property
    def takes_decoded(self) -> bool:
        """Whether the map is made from the frames of a first encode too."""
        return self.method == "jacobian" and self.passes == 2

    def deciding(self) -> dict[str, Any]:
        """The settings that the method uses, JSON-serialisable.

        Content hashes of results are made of them. Therefore settings that the first stores did not have appear only
        where they are not at their default: the hashes of older results stay valid.
        """
        names: tuple[str, ...] = {
            "none": (),
            "activity": ("log2_unit",),
            "roi": ("detector", "weights", "log2_unit", "roi_qp", "roi_score"),
            "jacobian": tuple(
                f.name
                for f in dataclasses.fields(self)
                if not f.name.startswith("roi_")
                and f.name != "method"
                and getattr(self, f.name) != FIRST_VALUES.get(f.name, _NO_VALUE)
            ),
        }[self.method]
        values = {"method": self.method} | {name: getattr(self, name) for name in names}
        if values.get("weights") is not None:
            values["weights"] = str(values["weights"])
        if "nodes" in values:
            values["nodes"] = list(values["nodes"])
        return values


def _check_number(name: str, value: Any, low: int, high: int, kind: type) -> None:
    allowed = f"above 0, at most {high}" if name == "roi_qp" else f"{low}..{high}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise IdseError(f"{_said(name)} {value!r}: must be a number, {allowed}")
    if not low <= float(value) <= high:
        raise IdseError(f"{_said(name)} {value}: must be {allowed}")
    if not isinstance(value, kind):
        raise IdseError(f"{_said(name)} {value}: must be a whole number, {allowed}")


def _said(name: str) -> str:
    return "importance" if name == "method" else name.replace("_", " ")
