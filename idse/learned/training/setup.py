"""What is trained: LSMnet's mask, and the set-ups of Chamain et al. 2020.

("End-to-end optimized image compression for machines, a study": T: task model, C: codec, J: both, FT: fine-tuned.)

| set-up | encoder | decoder | entropy | task model | mask |
|---|---|---|---|---|---|
| baseline | x | x | x | | |
| T-FT | | | | x | |
| C-FT | x | x | x | | |
| J-FT | x | x | x | x | |
| mask | | | | | x |
| mask+codec | x | x | x | | x |

With `decoder_fixed` the parts that the decoder needs (decoder, gain and entropy) are not trained, so that existing
decoders can decode the streams. With `gains` the gains of the latent channels are trained too. They learn in a few
steps how finely each channel should be rounded; the transforms' weights are much larger than a step of Adam and learn
it slowly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from idse.errors import IdseError
from idse.learned.models import LatentCodec
from idse.learned.tasks.base import Task

_CODEC = ("encoder", "decoder", "entropy")
_DECODER = ("decoder", "entropy", "gain")
PARTS = (*_CODEC, "gain", "task", "mask")
ROUNDINGS = ("noise", "straight-through")
SETUPS: dict[str, tuple[str, ...]] = {
    "baseline": _CODEC,
    "T-FT": ("task",),
    "C-FT": _CODEC,
    "J-FT": (*_CODEC, "task"),
    "mask": ("mask",),
    "mask+codec": (*_CODEC, "mask"),
}


@dataclass(frozen=True)
class Setup:
    """Which parts are trained; the others are frozen.

    Attributes:
        train: The trained parts, some of `PARTS`.
        rounding: What replaces rounding in training: "noise" or "straight-through" (see `LatentCodec`). If many latents
            are 0, noise distorts much more than rounding, and the task would be trained on unrealistic pictures.
    """

    train: tuple[str, ...]
    rounding: str = "noise"

    @classmethod
    def of(
        cls,
        name: str,
        decoder_fixed: bool = False,
        train: Sequence[str] | None = None,
        rounding: str = "noise",
        gains: bool = False,
    ) -> Setup:
        """Make a set-up from its name or from its parts.

        Raises:
            IdseError: An unknown name, part or rounding, or nothing left to train.
        """
        if train is None:
            if name not in SETUPS:
                raise IdseError(f"set-up '{name}': must be one of {', '.join(SETUPS)}")
            train = SETUPS[name]
        if unknown := [part for part in train if part not in PARTS]:
            raise IdseError(f"set-up: part '{unknown[0]}': must be one of {', '.join(PARTS)}")
        wanted = {*train, "gain"} if gains else set(train)
        parts = tuple(p for p in PARTS if p in wanted and not (decoder_fixed and p in _DECODER))
        if not parts:
            raise IdseError("set-up: no part is left to train: choose other parts, or remove decoder_fixed")
        if rounding not in ROUNDINGS:
            raise IdseError(f"set-up: rounding '{rounding}': must be one of {', '.join(ROUNDINGS)}")
        return cls(parts, rounding)

    @property
    def trains_codec(self) -> bool:
        """Whether anything before the decoded picture is trained."""
        return any(part != "task" for part in self.train)

    def apply(self, codec: LatentCodec, task: Task | None) -> None:
        """Freeze all parts that are not trained, and set the modules' modes.

        If no part of the codec is trained, it rounds as in real streams.

        Raises:
            IdseError: A part that shall be trained does not exist.
        """
        if "task" in self.train and task is None:
            raise IdseError("set-up: it trains the task model, and there is none: add a [task]")
        if "mask" in self.train and codec.mask is None:
            raise IdseError("set-up: it trains the mask, and there is none: add a [codec.mask]")
        codec.requires_grad_(False).train(self.trains_codec)
        groups = codec.groups()
        for part in self.train:
            for module in groups.get(part, []):
                module.requires_grad_(True)
        codec.entropy_bottleneck.quantiles.requires_grad_(False)  # found by bisection, not by a loss
        codec.straight_through = self.rounding == "straight-through"
        codec.tables_fixed = "entropy" not in self.train
        if task is not None:
            task.trainable("task" in self.train)

    def parameters(self, codec: LatentCodec, task: Task | None) -> Iterator[tuple[str, list[nn.Parameter]]]:
        """Parameters that `apply` left trainable, by part."""
        groups: dict[str, list[nn.Module]] = dict(codec.groups())
        groups["task"] = [] if task is None else [task]
        for part in self.train:
            found = [p for module in groups[part] for p in module.parameters() if p.requires_grad]
            if found:
                yield part, found
