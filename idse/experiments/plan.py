"""The configurations of the IDSE evaluation: which map, and how the encoder uses it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from idse.engines.base import EncodeSettings, WeightScope
from idse.errors import IdseError

CHROMA_QP = -3
"""The chroma QP offset of the controls: the crude form of weighted chroma planes."""


@dataclass(frozen=True)
class Configuration:
    """One row of the table.

    Attributes:
        name: As given to `--configs`.
        importance: "none", "activity", or the extractors behind the map, joined by "+": "embedded", or stems
            of ONNX files in the folder of detectors.
        what: For the reader of the table.
        proj_dim: Rows of the sketch.
        tiles: Rank-l tiles as the distortion of luma.
        chroma_planes: Keep the map's chroma planes (else luma's shape serves, without the measured ratio).
        scope: Where weights act.
        blend_activity: Power of the activity that the map is multiplied by.
        chroma_qp: Cb and Cr QP offset, beside what the map's chroma planes ask for.
        tau: Shaping; None is the engine's default.
        exponent: The same.
    """

    name: str
    importance: str
    what: str
    proj_dim: int = 4
    tiles: bool = False
    chroma_planes: bool = True
    scope: WeightScope = WeightScope.ALL
    blend_activity: float = 0.0
    chroma_qp: int = 0
    tau: float | None = None
    exponent: float | None = None

    @property
    def extractors(self) -> list[str]:
        """The extractors that the map needs."""
        return [] if self.importance in ("none", "activity") else self.importance.split("+")

    def described(self) -> dict[str, object]:
        """What decides figures: all but the words for the reader."""
        fields = dataclasses.asdict(self) | {"scope": self.scope.value}
        return {name: value for name, value in fields.items() if name not in ("name", "what")}

    def settings(self, qp: int, base: EncodeSettings) -> EncodeSettings:
        """The encode's settings at a QP: `base` but for what this configuration decides."""
        changes: dict[str, object] = {
            "qp": qp,
            "weight_scope": self.scope,
            "cb_qp_offset": self.chroma_qp,
            "cr_qp_offset": self.chroma_qp,
        }
        if self.tau is not None:
            changes["tau"] = self.tau
        if self.exponent is not None:
            changes["exponent"] = self.exponent
        return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


C = TypeVar("C", bound=Configuration)

_YX = "yolox_nano"
_RDO = WeightScope.RDO | WeightScope.QUANT

CONFIGURATIONS: tuple[Configuration, ...] = (
    Configuration("none", "none", "no weights: the anchor"),
    Configuration("none-c3", "none", "chroma QP -3 alone", chroma_qp=CHROMA_QP),
    Configuration("activity", "activity", "control without a network"),
    Configuration("activity-c3", "activity", "control, chroma QP -3", chroma_qp=CHROMA_QP),
    Configuration("yolox", _YX, "YOLOX-nano map, l=4, default settings"),
    Configuration("yolox-rdo", _YX, "weights in RDO and quantiser only", scope=_RDO),
    Configuration("yolox-qp", _YX, "QP per 64x64 only", scope=WeightScope.QP),
    Configuration("yolox-l2", _YX, "l=2", proj_dim=2),
    Configuration("yolox-l8", _YX, "l=8", proj_dim=8),
    Configuration("yolox-tiles", _YX, "rank-l tiles instead of the diagonal", tiles=True),
    Configuration("yolox-luma", _YX, "luma plane only", chroma_planes=False),
    Configuration(
        "yolox-luma-c3", _YX, "luma plane, chroma QP -3 (prototype)", chroma_planes=False, chroma_qp=CHROMA_QP
    ),
    Configuration("yolox-c1", _YX, "three planes, and chroma QP -1 on top of theirs", chroma_qp=-1),
    Configuration("nanodet", "nanodet_m", "NanoDet map, l=4, default settings"),
    Configuration("yolox+nanodet", f"{_YX}+nanodet_m", "sum of both detectors' maps"),
    Configuration("yolox*activity", _YX, "YOLOX-nano map times activity", blend_activity=1.0),
    Configuration("embedded", "embedded", "map from the embedded extractor, l=4"),
    Configuration(
        "embedded-luma-c3",
        "embedded",
        "the same, luma plane, chroma QP -3",
        chroma_planes=False,
        chroma_qp=CHROMA_QP,
    ),
    Configuration("embedded-l8", "embedded", "embedded, l=8", proj_dim=8),
    Configuration("yolox-e1", _YX, "exponent 1", exponent=1.0),
    Configuration("yolox-e075", _YX, "exponent 0.75", exponent=0.75),
    Configuration("embedded-e075", "embedded", "embedded, exponent 0.75", exponent=0.75),
    Configuration("activity-e1", "activity", "control, exponent 1", exponent=1.0),
)

DEFAULT_CONFIGURATIONS = [
    "none",
    "none-c3",
    "activity",
    "activity-c3",
    "yolox",
    "yolox-rdo",
    "yolox-qp",
    "yolox-l2",
    "yolox-l8",
    "yolox-tiles",
    "yolox-luma",
    "yolox-luma-c3",
    "embedded",
    "embedded-luma-c3",
]


def configurations(names: list[str]) -> list[Configuration]:
    """The configurations of these names, in this order.

    Raises:
        IdseError: An unknown name.
    """
    return chosen(names, CONFIGURATIONS)


def chosen(names: list[str], among: Iterable[C]) -> list[C]:
    """Those of some configurations that have these names, in the names' order, each once.

    Raises:
        IdseError: An unknown name.
    """
    known = {c.name: c for c in among}
    for name in names:
        if name not in known:
            raise IdseError(f"configuration '{name}' is unknown: choose some of {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]
