"""Base class of the task losses: how much worse a detector performs on decoded pictures than on the originals."""

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
"""The objects in one picture: `boxes` `[n, 4]` (x0, y0, x1, y1 in samples), `labels` `[n]` (the model's labels), and
for models with masks `masks` `[n, H, W]` uint8."""


@dataclass(frozen=True)
class TaskSettings:
    """The detector, and the outputs that are compared.

    Attributes:
        model: `FILE.onnx`, or the name of a torchvision detection model.
        weights: State dict of a whole torchvision model; None: torchvision's default weights.
        loss: "features": compare the feature maps that the heads get; "detections": compare the outputs of the heads;
            "training": the model's own training loss against the annotations (torchvision).
        classes: Number of labels of the state dict's model, with the background; None: read it from the file.
    """

    model: str
    weights: Path | None = None
    loss: Loss = "features"
    classes: int | None = None


class Task(nn.Module):
    """The loss of a detector on decoded pictures.

    `state_dict()` contains only the student; the teacher is always loaded from its file.

    Attributes:
        student: The detector for decoded pictures; frozen until `trainable` is called, always in evaluation mode.
        identity: Values for JSON that determine the loss.
        needs_targets: Whether `forward` needs targets.
        needs_masks: Whether the targets need masks.
        full_precision: Whether to disable mixed precision, whose rounding errors are as large as the differences.
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
        """Suffix of the file that `save` writes: `.onnx` or `.pth`."""
        return self.student.suffix

    def forward(self, decoded: Tensor, original: Tensor, targets: Sequence[Target] | None = None) -> Tensor:
        """The loss, a scalar: mean over the pictures; 0: the detector's outputs do not differ (except "training").

        Args:
            decoded: `[N, 3, H, W]` RGB, 0..1, without padding; it gets gradients.
            original: The same pictures before coding; they get no gradients.
            targets: One per picture, if `needs_targets`.

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
        """The loss of `forward`, which has checked the arguments."""

    def trainable(self, on: bool) -> None:
        """Choose whether the student's weights get gradients.

        Raises:
            IdseError: It has no weights that can be trained.
        """
        self.student.trainable(on)

    def save(self, path: Path) -> None:
        """Write the student as a file that detectors and extractors can read; `path` ends with `suffix`.

        Raises:
            IdseError: It cannot be written, or the original ONNX file is missing or has changed.
        """
        self.student.save(path)

    def labels_of(self, classes: Sequence[str]) -> list[int]:
        """The model's label for each class of a data set, for the targets.

        Raises:
            IdseError: The model does not have the class, or the loss does not use targets.
        """
        raise IdseError(f"loss '{self.identity['loss']}' does not use annotations")

    def train(self, mode: bool = True) -> Task:
        """Keep the student in evaluation mode, so that its batch normalisation does not change."""
        super().train(mode)
        self.student.eval()
        return self
