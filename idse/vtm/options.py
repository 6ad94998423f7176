"""The options of the `vtm` engine, in addition to `EncodeSettings`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from idse.engines.settings import FrequencyScope, WeightScope
from idse.errors import IdseError

MODES = ("intra", "lowdelay", "randomaccess")
TOOLS = ("sse", "chroma", "satd", "quant", "qp", "chromaqp", "alf", "sao")
"""Decisions of VTM that can use the weights, by the names that the overlay gives them."""

CHROMA_QP_TABLES = ("ctc", "native")

_TOOLS_OF_SCOPE = {
    WeightScope.RDO: ("sse", "chroma", "satd", "alf", "sao"),
    WeightScope.QUANT: ("quant",),
    WeightScope.QP: ("qp", "chromaqp"),
}
_FREQUENCY_NAMES = {FrequencyScope.RDO: "rdo", FrequencyScope.QUANT: "quant"}


@dataclass(frozen=True)
class VtmOptions:
    """How VTM is run.

    Attributes:
        mode: "intra", "lowdelay" (B pictures) or "randomaccess": VTM's configuration file of that name.
        tools: The decisions of VTM that use the weights, from `TOOLS`; None means those of `Shaping.weight_scope`.
        extra: Further arguments for VTM; they come last and override the others.
        chroma_qp_table: "ctc" (as in VTM's configuration) or "native" (the native encoder's, which is that of VTM's
            intra configuration from 10.0 on; 8.2 and the inter configurations have others).
        in_process: Code inside this process (`idse._vtm`) instead of a worker process.
        timeout: Seconds after which an encode is ended; None for no limit.
        executable: The encoder to run instead of the checkout's own `bin/EncoderAppStatic`.
        lmcs: Luma mapping: on, off, or None for VTM's configuration. With weights the patched VTM switches it off.

    Raises:
        IdseError: A value is not one of the possible ones.
    """

    mode: str = "intra"
    tools: tuple[str, ...] | None = None
    extra: tuple[str, ...] = ()
    chroma_qp_table: str = "ctc"
    in_process: bool = False
    timeout: float | None = None
    executable: Path | None = None
    lmcs: bool | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise IdseError(f"vtm mode '{self.mode}': must be one of {', '.join(MODES)}")
        for tool in self.tools or ():
            if tool not in TOOLS:
                raise IdseError(f"vtm tool '{tool}': must be all, none, or some of {','.join(TOOLS)}")
        if self.chroma_qp_table not in CHROMA_QP_TABLES:
            raise IdseError(
                f"vtm chroma qp table '{self.chroma_qp_table}': must be {' or '.join(CHROMA_QP_TABLES)}"
            )
        if self.timeout is not None and not 0 < self.timeout < math.inf:
            raise IdseError(f"vtm timeout {self.timeout}: must be above 0 seconds")
        if self.in_process and self.executable is not None:
            raise IdseError("vtm in process and an executable: give one of them")

    def tools_for(self, scope: WeightScope) -> tuple[str, ...]:
        """Return the tools that use the weights with these settings, in the order of `TOOLS`."""
        if self.tools is not None:
            return tuple(t for t in TOOLS if t in self.tools)
        named = {tool for part, tools in _TOOLS_OF_SCOPE.items() if part in scope for tool in tools}
        return tuple(t for t in TOOLS if t in named)

    def frequency_for(self, scope: FrequencyScope) -> FrequencyScope:
        """Return where the frequency profile acts: with `tools`, only in those decisions that they name."""
        if self.tools is not None:
            if not {"sse", "chroma"} & set(self.tools):
                scope &= ~FrequencyScope.RDO
            if "quant" not in self.tools:
                scope &= ~FrequencyScope.QUANT
        return scope


def frequency_names(scope: FrequencyScope) -> list[str]:
    """Return the parts of a scope by the names that the overlay gives them."""
    return [name for part, name in _FREQUENCY_NAMES.items() if part & scope]


def parse_tools(text: str) -> tuple[str, ...]:
    """Read a text such as "sse,quant" (any of `TOOLS`), "all" or "none".

    Raises:
        IdseError: The text has another name.
    """
    words = [word.strip().lower() for word in text.split(",")]
    if words == ["all"]:
        return TOOLS
    if words == ["none"]:
        return ()
    for word in words:
        if word not in TOOLS:
            raise IdseError(f"vtm tool '{word}': must be all, none, or some of {','.join(TOOLS)}")
    return tuple(words)
