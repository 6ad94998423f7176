"""Losses against the same detector on the pictures before coding: of its features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from idse.features.onnx import OnnxExtractor
from idse.learned.tasks.base import Target, Task, TaskSettings
from idse.learned.tasks.student import OnnxStudent

_TINY = 1e-12  # a level of zeros (a black picture) must give no infinite loss


def relative_error(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """Squared error of features over their energy, a picture and level: `||f(y) - f(x)||^2 / ||f(x)||^2`, mean of both.

    Relative, because the levels' scales and sizes differ a hundredfold.

    Args:
        student: Levels `[N, C, h, w]` of the decoded pictures.
        teacher: Of the originals.
    """
    errors = []
    for found, wanted in zip(student, teacher, strict=True):
        found, wanted = found.float().flatten(1), wanted.float().flatten(1)
        energy = wanted.square().sum(1).clamp_min(_TINY)
        errors.append((found - wanted).square().sum(1) / energy)
    return torch.stack(errors).mean()


class OnnxFeatures(Task):
    """Relative squared error of an ONNX detector's feature levels; only the graph up to them is computed."""

    suffix = ".onnx"
    student: OnnxStudent

    def __init__(self, settings: TaskSettings, device: torch.device) -> None:
        """Load the detector twice: the teacher stays as it is.

        Raises:
            IdseError: As `load_task`.
        """
        super().__init__()
        teacher = OnnxExtractor(settings.model, device=device)
        self._teacher = teacher  # no module: it is not part of the state
        self.student = OnnxStudent(teacher, teacher.nodes)
        self.identity = {**teacher.description, "model": teacher.path.name, "loss": settings.loss}

    def _loss(self, decoded: Tensor, original: Tensor, targets: Sequence[Target]) -> Tensor:
        with torch.no_grad():
            wanted = self._teacher.features(original)
        return relative_error(self.student(decoded), wanted)

    def trainable(self, on: bool) -> None:
        """See `Task.trainable`."""
        self.student.trainable(on)

    def save(self, path: Path) -> None:
        """See `Task.save`."""
        self.student.save(path)
