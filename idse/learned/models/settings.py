"""Settings of a codec's network."""

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
        detector: The detector whose frozen backbone gives the input: an ONNX file, or a torchvision name.
        channels: "all": a mask value for every latent channel; "one": one value for all channels of a position.
        level: Index of the backbone's feature map, 0 is the finest; None: the one nearest in size to the latents.
        sees_hyper: Whether the hyper-encoder gets the latents after masking, so that the side information describes the
            masked latents; otherwise it gets those before masking.
        sha256: SHA-256 of the detector's weights; "": not checked.
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
        channels: N, number of channels of the transforms.
        latent: M, number of latent channels.
        blocks: For "icm": number of residual blocks at every resolution.
        mask: For LSMnet: the codec's mask network.
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
        """Convert to plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelSettings:
        """Make settings from plain values.

        Raises:
            IdseError: A field is unknown or missing, or a value is out of range.
        """
        given = dict(values)
        try:
            if given.get("mask") is not None:
                given["mask"] = MaskSettings(**given["mask"])
            return cls(**given)
        except TypeError as error:
            raise IdseError(f"codec settings: {error}") from None
