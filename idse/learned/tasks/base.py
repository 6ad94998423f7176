"""What every task loss is: how much worse a detector does on decoded pictures than on those before coding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from idse.errors import IdseError
from idse.learned.tasks.student import Student

Loss = Literal["features", "detections", "training"]
Target = dict[str, Tensor]
"""What is in one picture: `boxes` `[n, 4]` x0, y0, x1, y1 in its samples, `labels` `[n]` (the model's own numbers), and
for models with masks `masks` `[n, H, W]` uint8."""


@dataclass(frozen=True)
class TaskSettings:
    """Which detector, and what is compared.

    Attributes:
        model: `FILE.onnx`, or the name of a torchvision detection model.
        weights: State dict of a whole torchvision model; None: torchvision's own.
        loss: "features": of the levels that the heads see; "detections": of what the heads say; "training": the
            model's own loss against the annotations (torchvision).
        classes: How many labels the state dict's model tells apart, background included; None: read from the file.
    """

    model: str
    weights: Path | None = None
    loss: Loss = "features"
    classes: int | None = None


class Task(nn.Module):
    """The loss of a detector on decoded pictures.

    `state_dict()` is the student's: whatever is compared with is loaded from its file again.

    Attributes:
        student: The detector that sees decoded pictures; frozen until `trainable`, always in eval mode.
        identity: JSON-able: what decides the loss.
        needs_targets: Whether `forward` wants targets.
        needs_masks: Whether these need masks.
        full_precision: Whether mixed precision is left: half a float's rounding is as large as what is compared.
    """

    needs_targets = False
    needs_masks = False
    full_precision = False

    def __init__(self, student: Student, loss: Loss) -> None:
        super().__init__()
        self.student = student.eval()
        self.identity: dict[str, Any] = {**student.description, "loss": loss}

    @property
    def suffix(self) -> str:
        """Of the file that `save` writes: `.onnx` or `.pth`."""
        return self.student.suffix

    def forward(self, decoded: Tensor, original: Tensor, targets: Sequence[Target] | None = None) -> Tensor:
        """The loss, a scalar: mean over pictures; 0: the detector notices nothing ("training": its own scale).

        Args:
            decoded: `[N, 3, H, W]` RGB, 0..1, without padding; gradients flow to it.
            original: The same before coding; no gradient.
            targets: One a picture, where `needs_targets`.

        Raises:
            IdseError: The model fails on the pictures, targets are missing, or no gradient flows.
        """
        if self.needs_targets and targets is None:
            raise IdseError(
                "loss 'training' needs annotations: use a data set that has them, or another loss"
            )
        kind = decoded.device.type
        with torch.autocast(kind, enabled=False) if self.full_precision else nullcontext():
            loss = self.compare(decoded.float(), original.detach().float(), targets or ())
        if decoded.requires_grad and torch.is_grad_enabled() and not loss.requires_grad:
            raise IdseError(f"{self.identity['model']}: the loss has no gradient with respect to the picture")
        return loss

    @abstractmethod
    def compare(self, decoded: Tensor, original: Tensor, targets: Sequence[Target]) -> Tensor:
        """The loss of `forward`, its arguments checked."""

    def trainable(self, on: bool) -> None:
        """Whether gradients are kept for the student's weights.

        Raises:
            IdseError: It has none that can be trained.
        """
        self.student.trainable(on)

    def save(self, path: Path) -> None:
        """Write the student as a file that detectors and extractors read; `path` ends with `suffix`.

        Raises:
            IdseError: It cannot be written, or the ONNX file it came from is gone or changed.
        """
        self.student.save(path)

    def labels_of(self, classes: Sequence[str]) -> list[int]:
        """The model's label for each class of a data set, for the targets.

        Raises:
            IdseError: The model has no such class, or the loss takes no targets.
        """
        raise IdseError(f"loss '{self.identity['loss']}' does not use annotations")

    def train(self, mode: bool = True) -> Task:
        """Training never reaches the student: its batch normalisation stays as it was."""
        super().train(mode)
        self.student.eval()
        return self
