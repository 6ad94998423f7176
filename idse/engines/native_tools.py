"""The tools of the native encoder. Generated from cpp/vvc/tools.def by scripts/generate_tools.py: edit the table."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from idse.errors import IdseError


@dataclass(frozen=True)
class NativeTools:
    """The tools that the native encoder (and VTM, where it has them) may use; a field's metadata describe its option.

    Attributes:
        ctu_size: Width and height of a coding tree unit in luma samples.
        dual_tree: Chroma has a separate coding tree; no effect on 4:0:0.
        cclm: Chroma may be predicted from luma (cross-component linear model); no effect on 4:0:0.
        dependent_quant: Dependent quantisation with a trellis; if off, scalar quantisation with RDOQ.
        transform_skip: Blocks up to a size that depends on the preset may be coded without a transform.
        deblocking: The deblocking filter.
        wpp: Wavefronts: CTU rows are coded in parallel; intra prediction then cannot use the CTU above to the right.

    Raises:
        IdseError: A value that a tool does not have.
    """

    ctu_size: int = field(
        default=128,
        metadata={
            "choices": (64, 128),
            "option": "--ctu",
            "help": "CTU size, 64 or 128.",
        },
    )
    dual_tree: bool = field(
        default=True,
        metadata={
            "choices": (False, True),
            "option": "--dual-tree/--single-tree",
            "help": "Separate coding tree for chroma.",
        },
    )
    cclm: bool = field(
        default=True,
        metadata={
            "choices": (False, True),
            "option": "--cclm/--no-cclm",
            "help": "Prediction of chroma from luma (CCLM).",
        },
    )
    dependent_quant: bool = field(
        default=True,
        metadata={
            "choices": (False, True),
            "option": "--dependent-quant/--no-dependent-quant",
            "help": "Dependent quantisation (trellis) instead of RDOQ.",
        },
    )
    transform_skip: bool = field(
        default=True,
        metadata={
            "choices": (False, True),
            "option": "--transform-skip/--no-transform-skip",
            "help": "Coding of small blocks without a transform.",
        },
    )
    deblocking: bool = field(
        default=True,
        metadata={
            "choices": (False, True),
            "option": "--deblocking/--no-deblocking",
            "help": "The deblocking filter.",
        },
    )
    wpp: bool = field(
        default=False,
        metadata={
            "choices": (False, True),
            "option": "--wpp",
            "help": "Wavefronts: several threads code one picture.",
        },
    )

    def __post_init__(self) -> None:
        for tool in fields(self):
            value, choices = getattr(self, tool.name), tool.metadata["choices"]
            if value not in choices:
                allowed = " or ".join(str(choice).lower() for choice in choices)
                raise IdseError(f"{tool.name.replace('_', ' ')} {value}: must be {allowed}")
