"""Losses against the same detector on the original pictures: of its features, or of the outputs of its heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from idse.features.heads import Candidates
from idse.learned.tasks.base import Target, Task
from idse.learned.tasks.student import Student

_TINY = 1e-12  # prevents an infinite loss if a level is 0 (a black picture)


def relative_error(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """Mean over pictures and levels of the relative squared error of features: `||f(y) - f(x)||^2 / ||f(x)||^2`.

    It is relative because the scales and sizes of the levels differ by a factor of up to 100.

    Args:
        student: Levels `[N, C, h, w]` of the decoded pictures.
        teacher: Levels of the originals.
    """
    errors = []
    for found, wanted in zip(student, teacher, strict=True):
        found, wanted = found.float().flatten(1), wanted.float().flatten(1)
        energy = wanted.square().sum(1).clamp_min(_TINY)
        errors.append((found - wanted).square().sum(1) / energy)
    return torch.stack(errors).mean()


class FeatureTask(Task):
    """Relative squared error of the feature levels that a detector's heads get."""

    def __init__(self, student: Student, teacher: Callable[[Tensor], Sequence[Tensor]]) -> None:
        """Compare a student with a teacher.

        Args:
            student: Computes the levels of decoded pictures.
            teacher: Computes the levels of the originals. It is a function, so that it is not part of the task's state.
        """
        super().__init__(student, "features")
        self._teacher = teacher

    def compare(self, decoded: Tensor, original: Tensor, targets: Sequence[Target]) -> Tensor:
        """See `Task.compare`."""
        with torch.no_grad():
            wanted = self._teacher(original)
        return relative_error(self.student(decoded), wanted)


def head_output_error(student: Candidates, teacher: Candidates, threshold: float) -> Tensor:
    """Difference of the head outputs of student and teacher for one picture.

    Scores: their squared error relative to the sum of the teacher's squared scores; false positives and false negatives
    count alike. Boxes: 1 - generalised IoU (Rezatofighi et al., CVPR 2019), weighted with the teacher's score, at
    locations where the teacher reports a box. Both denominators are at least 1, so that an empty picture gives no very
    large values.

    Args:
        student: Outputs for the decoded picture.
        teacher: Outputs for the original.
        threshold: Locations without a score above this report no box.
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
    """Boxes with their corners in order; sizes can be negative if the detector does not compute them by exp."""
    first, second = boxes.float().split(2, 1)
    return torch.cat([torch.minimum(first, second), torch.maximum(first, second)], 1)
