"""The settings of an encode, in parts: what is aimed at, how weights are shaped, tools, and what all engines share."""

from __future__ import annotations

import dataclasses
import enum
import math
from dataclasses import dataclass
from typing import Any

from idse.engines.native_tools import NativeTools as NativeTools
from idse.errors import IdseError

PRESETS = ("faster", "fast", "medium", "slow", "slower")
"""Names of the presets 0..4."""


class WeightScope(enum.Flag):
    """Where the weight map acts; anything less than `ALL` is for ablation."""

    NONE = 0
    RDO = 1
    """Distortion of every decision."""
    QUANT = 2
    """lambda / mean(w) inside the quantiser."""
    QP = 4
    """QP - 3 log2(mean w) per 64x64 luma block."""
    ALL = 7

    @classmethod
    def parse(cls, text: str) -> WeightScope:
        """Read "rdo,quant,qp", any part of it, "all" or "none"."""
        scope = cls.NONE
        for name in text.split(","):
            try:
                scope |= cls[name.strip().upper()]
            except KeyError:
                raise IdseError(
                    f"weight scope '{text}': must be all, none, or some of rdo, quant, qp joined by commas"
                ) from None
        return scope


@dataclass(frozen=True)
class Target:
    """What an encode aims at: a QP, or a size.

    Attributes:
        qp: Luma QP of the slice, or what the engine has in its place, within its `qp_range` (0..63 of VVC). With a
            target it is only where the search begins.
        target_bytes: One-picture rate control: bytes of each frame. Excludes `target_bpp`.
        target_bpp: The same as bits per luma sample.

    Raises:
        IdseError: A value out of its range.
    """

    qp: int = 32
    target_bytes: int | None = None
    target_bpp: float | None = None

    def __post_init__(self) -> None:
        _need(0 <= self.qp <= 100, f"qp {self.qp}: must be 0..63 (for jpeg: quality 1..100)")
        if self.target_bytes is not None:
            _need(self.target_bpp is None, "target bytes and target bpp: give one of them")
            _need(self.target_bytes >= 1, f"target bytes {self.target_bytes}: must be at least 1")
        if self.target_bpp is not None:
            _need(0 < self.target_bpp < math.inf, f"target bpp {self.target_bpp}: must be above 0")

    @property
    def is_size(self) -> bool:
        """Whether a size is wanted and not a QP."""
        return self.target_bytes is not None or self.target_bpp is not None

    def frame_bytes(self, width: int, height: int) -> int:
        """Bytes wanted for each frame; 0 where `qp` is fixed."""
        if self.target_bytes is not None:
            return self.target_bytes
        if self.target_bpp is not None:
            return max(1, round(self.target_bpp * width * height / 8))
        return 0


@dataclass(frozen=True)
class Shaping:
    """What becomes of the weights of a map, and where they act.

    Attributes:
        weight_scope: Where they act.
        tau: Share of plain squared error blended into the weights, in units of their mean, >= 0; infinity is plain
            squared error.
        exponent: Power the weights are raised to, 0..10 (beyond, only the two ends of the clip are left); 0 is plain
            squared error.
        clip_qp: Weights are clipped to what this many steps of QP are worth, 0..12.

    Raises:
        IdseError: A value out of its range.
    """

    weight_scope: WeightScope = WeightScope.ALL
    tau: float = 0.2
    exponent: float = 0.5
    clip_qp: float = 6.0

    def __post_init__(self) -> None:
        _need(self.tau >= 0, f"tau {self.tau}: must be 0 or more")  # NaN fails too
        _need(0 <= self.exponent <= 10, f"exponent {self.exponent}: must be 0..10")
        _need(0 <= self.clip_qp <= 12, f"clip qp {self.clip_qp}: must be 0..12")


@dataclass(frozen=True, init=False)
class EncodeSettings:
    """Everything but the picture and its weights that decides a stream's bytes (and `threads`, which does not).

    `EncodeSettings(qp=37, tau=0.1, wpp=True)` takes the fields of all parts by their own names; a part may also be
    given whole, and named fields are then changed in it.

    Attributes:
        target: The QP or size that is aimed at.
        shaping: Of the weights.
        tools: Of the native encoder and, where it has the same, of VTM.
        preset: 0 (fastest) .. 4 (slowest); see `PRESETS`.
        threads: At least 1.
        md5_sei: Put the MD5 of each reconstructed picture into the stream.
        cb_qp_offset: -12..12; what the map's chroma planes ask for comes on top.
        cr_qp_offset: The same for Cr.

    Raises:
        IdseError: A value out of its range.
        TypeError: A name that no part has.
    """

    target: Target
    shaping: Shaping
    tools: NativeTools
    preset: int = 2
    threads: int = 1
    md5_sei: bool = False
    cb_qp_offset: int = 0
    cr_qp_offset: int = 0

    def __init__(
        self,
        *,
        target: Target | None = None,
        shaping: Shaping | None = None,
        tools: NativeTools | None = None,
        preset: int = 2,
        threads: int = 1,
        md5_sei: bool = False,
        cb_qp_offset: int = 0,
        cr_qp_offset: int = 0,
        **fields: Any,
    ) -> None:
        values: dict[str, Any] = {}
        parts: dict[str, Any] = {
            "target": target or Target(),
            "shaping": shaping or Shaping(),
            "tools": tools or NativeTools(),
        }
        for name, part in parts.items():
            changed = {field: fields.pop(field) for field in _names(part) & fields.keys()}
            values[name] = dataclasses.replace(part, **changed)
        if fields:
            raise TypeError(f"EncodeSettings has no '{min(fields)}'")
        _need(0 <= preset < len(PRESETS), f"preset {preset}: must be 0..{len(PRESETS) - 1}")
        _need(1 <= threads <= 1024, f"threads {threads}: must be 1..1024")
        for words, offset in (("cb qp offset", cb_qp_offset), ("cr qp offset", cr_qp_offset)):
            _need(-12 <= offset <= 12, f"{words} {offset}: must be -12..12")
        values |= {
            "preset": preset, "threads": threads, "md5_sei": md5_sei, "cb_qp_offset": cb_qp_offset,
            "cr_qp_offset": cr_qp_offset,
        }  # fmt: skip
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def changed(self, **fields: Any) -> EncodeSettings:
        """The same with other values of some fields, of any part.

        Raises:
            IdseError: A value out of its range.
        """
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return EncodeSettings(**own | fields)

    def flat(self) -> dict[str, Any]:
        """The fields of all parts by their own names: what hashes are made of, and `EncodeSettings(**...)` takes."""
        target, shaping, tools = (dict(vars(part)) for part in (self.target, self.shaping, self.tools))
        return {
            **target,
            "preset": self.preset,
            "threads": self.threads,
            **tools,
            "md5_sei": self.md5_sei,
            "cb_qp_offset": self.cb_qp_offset,
            "cr_qp_offset": self.cr_qp_offset,
            **shaping,
        }

    def record(self) -> dict[str, Any]:
        """`flat` as JSON takes it: a stream's provenance."""
        return self.flat() | {"weight_scope": self.shaping.weight_scope.value}


def _names(part: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(part)}


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise IdseError(message)
