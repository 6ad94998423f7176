"""The configurations of the evaluation on VTM: which map, and which of the encoder's decisions it weights."""

from __future__ import annotations

from dataclasses import dataclass

from idse.engines.vtm.options import TOOLS
from idse.experiments.plan import CHROMA_QP, Configuration, chosen

QP_TOOLS = ("qp", "chromaqp")


@dataclass(frozen=True)
class VtmConfiguration(Configuration):
    """One row of the table.

    Attributes:
        tools: Decisions of the encoder that are weighted, as `VtmOptions.tools`.
        lmcs: Luma mapping as VTM's configuration file says; else off. With weights it must be off.
    """

    tools: tuple[str, ...] = TOOLS
    lmcs: bool = False

    def described(self) -> dict[str, object]:
        """What decides figures. Named one by one: a field more of `Configuration` must not cost days of encodes."""
        return {
            "importance": self.importance,
            "proj_dim": self.proj_dim,
            "chroma_planes": self.chroma_planes,
            "blend_activity": self.blend_activity,
            "tools": self.tools,
            "lmcs": self.lmcs,
        }


def _without(*names: str) -> tuple[str, ...]:
    return tuple(tool for tool in TOOLS if tool not in names)


_YX = "yolox_nano"

VTM_CONFIGURATIONS: tuple[VtmConfiguration, ...] = (
    VtmConfiguration("none", "none", "no weights, LMCS off: the anchor"),
    VtmConfiguration("none-lmcs", "none", "no weights, LMCS as VTM's configuration file says", lmcs=True),
    VtmConfiguration("none-c3", "none", "chroma QP -3 alone", chroma_qp=CHROMA_QP),
    VtmConfiguration("activity", "activity", "control without a network"),
    VtmConfiguration("activity-c3", "activity", "control, chroma QP -3", chroma_qp=CHROMA_QP),
    VtmConfiguration("yolox", _YX, "YOLOX-nano map, l=4, all decisions"),
    VtmConfiguration("yolox-rdo", _YX, "weights in decisions and filters, no QP", tools=_without(*QP_TOOLS)),
    VtmConfiguration("yolox-qp", _YX, "QP only", tools=QP_TOOLS),
    VtmConfiguration("yolox-l2", _YX, "l=2", proj_dim=2),
    VtmConfiguration("yolox-l8", _YX, "l=8", proj_dim=8),
    VtmConfiguration("yolox-l16", _YX, "l=16", proj_dim=16),
    VtmConfiguration(
        "yolox-luma-c3", _YX, "luma plane, chroma QP -3 (prototype)", chroma_planes=False, chroma_qp=CHROMA_QP
    ),
    *(VtmConfiguration(f"yolox-no-{t}", _YX, f"all decisions but {t}", tools=_without(t)) for t in TOOLS),
)


def vtm_configurations(names: list[str]) -> list[VtmConfiguration]:
    """The configurations of these names, in this order.

    Raises:
        IdseError: An unknown name.
    """
    return chosen(names, VTM_CONFIGURATIONS)
