"""The tools of the native encoder. Made from cpp/vvc/tools.def by scripts/generate_tools.py: change the table."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from idse.errors import IdseError


@dataclass(frozen=True)
class NativeTools:
    """What the native encoder (and VTM, where it has the same) may use; the metadata of a field is its option.

    Attributes:
        ctu_size: Width and height of a coding tree unit in luma samples.
        dual_tree: Chroma has a coding tree of its own; a 4:0:0 picture ignores it.
        cclm: Chroma may be predicted from luma (cross-component linear model); a 4:0:0 picture ignores it.
        dependent_quant: Dependent quantisation with a trellis; off: plain levels with RDOQ.
        transform_skip: Blocks up to a size that the preset sets may be coded without a transform.
        deblocking: The deblocking filter.
        wpp: Wavefronts: rows of CTUs in parallel; intra prediction then cannot use the CTU above to the right.

    Raises:
        IdseError: A value that a tool does not have.
    """

    ctu_size: int = field(
        default=128,
        metadata={
            "choices": (64, 128),
            "option": "--ctu",
            "help": "64 or 128.",
        },
    )
    dual_tree: bool = field(
        default=True,
        metadata={
            "choices": (False, True),
            "option": "--dual-tree/--single-tree",
            "help": "Chroma has a tree of its own.",
        },
    )
    cclm: bool = field(
        default=True,
        metadata={
            "choices": (False, True),
            "option": "--cclm/--no-cclm",
            "help": "Chroma may be predicted from luma.",
        },
    )
    dependent_quant: bool = field(
        default=True,
        metadata={
            "choices": (False, True),
            "option": "--dependent-quant/--no-dependent-quant",
            "help": "Dependent quantisation (trellis), else RDOQ.",
        },
    )
    transform_skip: bool = field(
        default=True,
        metadata={
            "choices": (False, True),
            "option": "--transform-skip/--no-transform-skip",
            "help": "Small blocks may go without a transform.",
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
            "help": "Wavefronts: threads within a picture.",
        },
    )

    def __post_init__(self) -> None:
        for tool in fields(self):
            value, choices = getattr(self, tool.name), tool.metadata["choices"]
            if value not in choices:
                allowed = " or ".join(str(choice).lower() for choice in choices)
                raise IdseError(f"{tool.name.replace('_', ' ')} {value}: must be {allowed}")
