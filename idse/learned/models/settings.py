"""Which network, and how large."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from idse.errors import IdseError

System = Literal["scale-hyperprior", "icm", "joint-autoregressive"]
SYSTEMS: tuple[str, ...] = get_args(System)
_MOST_CHANNELS = 4096


@dataclass(frozen=True)
class MaskSettings:
    """LSMnet's mask network.

    Attributes:
        detector: Whose frozen backbone it sees through: an ONNX file, or torchvision's name.
        channels: "all": a value for every latent channel; "one": one for all channels of a place.
        level: Which of the backbone's feature maps, 0 the finest; None: the one nearest in size to the latents.
        sees_hyper: Whether the hyper-encoder sees the latents as they are after masking, so that the side information
            says that little follows; else it sees them as they were.
        sha256: Of the detector's weights; "": not looked at.
    """

    detector: str
    channels: Literal["all", "one"] = "all"
    level: int | None = None
    sees_hyper: bool = True
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.channels not in ("all", "one"):
            raise IdseError(f"mask: channels '{self.channels}': must be all or one")
        if self.level is not None and self.level < 0:
            raise IdseError(f"mask: level {self.level}: must be 0 or more")


@dataclass(frozen=True)
class ModelSettings:
    """A codec's network.

    Attributes:
        system: "scale-hyperprior" (Ballé 2018), "icm" (Le 2020) or "joint-autoregressive" (Minnen 2018).
        channels: N, width of the transforms.
        latent: M, channels of the latents.
        blocks: Of "icm": residual blocks at every resolution.
        mask: Of LSMnet: the codec's mask network.
    """

    system: System
    channels: int = 128
    latent: int = 192
    blocks: int = 1
    mask: MaskSettings | None = None

    def __post_init__(self) -> None:
        if self.system not in SYSTEMS:
            raise IdseError(f"codec system '{self.system}': must be one of {', '.join(SYSTEMS)}")
        for name in ("channels", "latent", "blocks"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_CHANNELS:
                raise IdseError(f"codec {name} {value}: must be a whole number, 1..{_MOST_CHANNELS}")
        # The entropy parameters' layers of Minnen's codec have 10/3 and 8/3 of M channels, the hyper-decoder 3/2.
        if self.system == "joint-autoregressive" and self.latent % 6:
            raise IdseError(
                f"codec latent {self.latent}: for joint-autoregressive it must be a multiple of 6"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelSettings:
        """From plain values.

        Raises:
            IdseError: An unknown field, a missing one, or a value out of its range.
        """
        given = dict(values)
        try:
            if given.get("mask") is not None:
                given["mask"] = MaskSettings(**given["mask"])
            return cls(**given)
        except TypeError as error:
            raise IdseError(f"codec settings: {error}") from None
