"""The settings of an encode, in parts: target, shaping of weights, tools, and settings that all engines share."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from idse.engines.native_tools import NativeTools as NativeTools
from idse.errors import IdseError

PRESETS = ("faster", "fast", "medium", "slow", "slower")
"""Names of the presets 0..4."""


_Scope = TypeVar("_Scope", bound=enum.Flag)


def _parse_scope(scopes: type[_Scope], text: str, refusal: str) -> _Scope:
    """The union of the scopes that `text` names, joined by commas; `refusal` is the error for any other word."""
    found = scopes(0)
    for name in text.split(","):
        try:
            found |= scopes[name.strip().upper()]
        except KeyError:
            raise IdseError(refusal) from None
    return found


class WeightScope(enum.Flag):
    """Where the weight map acts; parts of `ALL` are for ablation studies."""

    NONE = 0
    RDO = 1
    """The distortion in every decision uses the weights."""
    QUANT = 2
    """The quantiser uses lambda / mean(w)."""
    QP = 4
    """Each 64x64 luma block is coded at QP - 3 log2(mean w)."""
    ALL = 7

    @classmethod
    def parse(cls, text: str) -> WeightScope:
        """Read a text such as "rdo,quant,qp", a part of it, "all" or "none".

        Raises:
            IdseError: The text has another word.
        """
        return _parse_scope(
            cls, text, f"weight scope '{text}': must be all, none, or some of rdo, quant, qp joined by commas"
        )


class FrequencyScope(enum.Flag):
    """Where the frequency profile of a map acts; parts of `ALL` are for ablation studies."""

    NONE = 0
    RDO = 1
    """The distortion in every decision counts each coefficient with its weight."""
    QUANT = 2
    """The level choice counts weighted errors, and scaling lists change the quantiser's steps."""
    ALL = 3

    @classmethod
    def parse(cls, text: str) -> FrequencyScope:
        """Read a text such as "rdo,quant", a part of it, "all" or "none".

        Raises:
            IdseError: The text has another word.
        """
        return _parse_scope(cls, text, f"frequency scope '{text}': must be all, none, rdo or quant")


TUNINGS: Mapping[str, float] = {"machine": 1.5, "balanced": 0.75, "fidelity": 0.0}
"""The exponent `gamma` of the frequency profile by purpose, from fewest bits for a detector to highest PSNR."""

SCALING_LISTS = ("auto", "on", "off")


def tuning_gamma(tuning: str) -> float:
    """The `Shaping.gamma` of a tuning.

    Raises:
        IdseError: There is no such tuning.
    """
    if not isinstance(tuning, str) or tuning not in TUNINGS:
        raise IdseError(f"tuning {tuning!r}: must be one of {', '.join(TUNINGS)}")
    return TUNINGS[tuning]


def tuning_name(gamma: float) -> str | None:
    """The tuning that has this `Shaping.gamma`; None if no tuning has it."""
    return next((name for name, value in TUNINGS.items() if value == gamma), None)


@dataclass(frozen=True)
class Target:
    """What an encode aims at: a QP, or a size.

    Attributes:
        qp: Luma QP of the slice, or the engine's counterpart of it, within its `qp_range` (0..63 for VVC). With a
            target size it is only the start of the search.
        target_bytes: Target size of each frame in bytes; excludes `target_bpp`.
        target_bpp: Target size of each frame in bits per luma sample.

    Raises:
        IdseError: A value is out of its range.
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
        """Whether the target is a size and not a QP."""
        return self.target_bytes is not None or self.target_bpp is not None

    def frame_bytes(self, width: int, height: int) -> int:
        """Return the target size of each frame in bytes; 0 if the target is a QP."""
        if self.target_bytes is not None:
            return self.target_bytes
        if self.target_bpp is not None:
            return max(1, round(self.target_bpp * width * height / 8))
        return 0


@dataclass(frozen=True)
class Shaping:
    """How the weights of a map are shaped, and where they act.

    Attributes:
        weight_scope: Where the weights act.
        tau: Share of plain squared error that is added to the weights, in units of their mean, >= 0; infinity gives
            plain squared error.
        exponent: Power that the weights are raised to, 0..10 (with larger values only the two limits of the clip would
            be left); 0 gives plain squared error.
        clip_qp: The weights are clipped to the equivalent of this many QP steps, 0..12.
        gamma: Power that the map's frequency profile is raised to, 0..2; 0 gives every coefficient of a block the
            same weight. A map without a profile does not use it.
        profile_floor: Least weight of a coefficient relative to the lowest frequencies, 1/4096..1.
        frequency_scope: Where the frequency profile acts.
        scaling_lists: Whether the profile also becomes scaling lists in the stream: "on", "off", or "auto" where they
            are estimated to save more than they cost.

    Raises:
        IdseError: A value is out of its range.
    """

    weight_scope: WeightScope = WeightScope.ALL
    tau: float = 0.2
    exponent: float = 0.5
    clip_qp: float = 6.0
    gamma: float = TUNINGS["balanced"]
    profile_floor: float = 1 / 256
    frequency_scope: FrequencyScope = FrequencyScope.ALL
    scaling_lists: str = "auto"

    def __post_init__(self) -> None:
        _need(self.tau >= 0, f"tau {self.tau}: must be 0 or more")  # NaN fails too
        _need(0 <= self.exponent <= 10, f"exponent {self.exponent}: must be 0..10")
        _need(0 <= self.clip_qp <= 12, f"clip qp {self.clip_qp}: must be 0..12")
        _need(0 <= self.gamma <= 2, f"gamma {self.gamma}: must be 0..2")
        _need(1 / 4096 <= self.profile_floor <= 1, f"profile floor {self.profile_floor}: must be 1/4096..1")
        _need(
            self.scaling_lists in SCALING_LISTS,
            f"scaling lists '{self.scaling_lists}': must be {', '.join(SCALING_LISTS)}",
        )


@dataclass(frozen=True, init=False)
class EncodeSettings:
    """All settings that decide a stream's bytes besides the picture and its weights, and `threads`, which does not.

    `EncodeSettings(qp=37, tau=0.1, wpp=True)` takes the fields of all parts by their own names. A part may also be
    given as a whole; fields given by name then replace its values. `tuning="machine"`, one of `TUNINGS`, stands for
    its `gamma`.

    Attributes:
        target: The QP or size to aim at.
        shaping: Shaping of the weights.
        tools: Tools of the native encoder, and of VTM where it has the same tool.
        preset: 0 (fastest) .. 4 (slowest); see `PRESETS`.
        threads: Number of threads, 1..1024.
        md5_sei: Whether to put the MD5 of each reconstructed picture into the stream.
        cb_qp_offset: QP offset of Cb, -12..12; the offset that follows from the map's chroma planes is added to it.
        cr_qp_offset: QP offset of Cr, in the same way.

    Raises:
        IdseError: A value is out of its range, or both `tuning` and `gamma` are given.
        TypeError: No part has a field of that name.
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
        tuning: str | None = None,
        **fields: Any,
    ) -> None:
        if tuning is not None:
            _need("gamma" not in fields, "tuning and gamma: give one of them")
            fields["gamma"] = tuning_gamma(tuning)
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
        """Return a copy with other values of some fields, which may belong to any part, or with another `tuning`.

        Raises:
            IdseError: A value is out of its range, or both `tuning` and `gamma` are given.
        """
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return EncodeSettings(**own | fields)

    def flat(self) -> dict[str, Any]:
        """Return the fields of all parts by their own names, for hashes and for `EncodeSettings(**...)`."""
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
        """Return `flat` with values that JSON can hold, for a stream's provenance."""
        return self.flat() | {
            "weight_scope": self.shaping.weight_scope.value,
            "frequency_scope": self.shaping.frequency_scope.value,
        }


def _names(part: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(part)}


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise IdseError(message)
