"""Losses against the same detector on the pictures before coding: of its features, or of what its heads say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from idse.learned.tasks.base import Target, Task
from idse.learned.tasks.student import Student

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


class FeatureTask(Task):
    """Relative squared error of the levels that a detector's heads see."""

    def __init__(self, student: Student, teacher: Callable[[Tensor], Sequence[Tensor]]) -> None:
        """Compare.

        Args:
            student: Gives the levels of decoded pictures.
            teacher: The same, of the originals. No module, so that it is no part of the task's state.
        """
        super().__init__(student, "features")
        self._teacher = teacher

    def compare(self, decoded: Tensor, original: Tensor, targets: Sequence[Target]) -> Tensor:
        """See `Task.compare`."""
        with torch.no_grad():
            wanted = self._teacher(original)
        return relative_error(self.student(decoded), wanted)


@dataclass(frozen=True)
class HeadOutput:
    """What a detector's heads say of each place of one picture, before anything is suppressed.

    Attributes:
        boxes: `[places, 4]` x0, y0, x1, y1 in samples of the detector's input.
        scores: `[places, classes]`, 0..1.
    """

    boxes: Tensor
    scores: Tensor


def head_output_error(student: HeadOutput, teacher: HeadOutput, threshold: float) -> Tensor:
    """How far a detector's answer to one picture is from the teacher's.

    Scores: their squared errors over the squares of the teacher's; what is seen though it is not there counts as what
    is not seen though it is there. Boxes: 1 - generalised IoU (Rezatofighi et al., CVPR 2019), weighted with the
    teacher's score, of places where the teacher reports a box. Both are sums over one object's worth at least, so
    that an empty picture gives no huge figures.

    Args:
        student: On the decoded picture.
        teacher: On the original.
        threshold: Places where no score is higher report nothing.
    """
    from torchvision.ops import generalized_box_iou_loss

    wanted, found = teacher.scores.float(), student.scores.float()
    loss = (found - wanted).square().sum() / wanted.square().sum().clamp_min(1.0)
    best = wanted.amax(1)
    there = (teacher.boxes[:, 2:] > teacher.boxes[:, :2]).all(1)
    places = ((best > threshold) & there).nonzero()[:, 0]
    if len(places):
        weight = best[places]
        apart = generalized_box_iou_loss(_upright(student.boxes[places]), teacher.boxes[places].float())
        loss = loss + (weight * apart).sum() / weight.sum().clamp_min(1.0)
    return loss


def _upright(boxes: Tensor) -> Tensor:
    """Boxes with their corners in order; a size may come out negative where no exponential made it."""
    first, second = boxes.float().split(2, 1)
    return torch.cat([torch.minimum(first, second), torch.maximum(first, second)], 1)
