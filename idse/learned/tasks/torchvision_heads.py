"""The loss of the boxes and scores of torchvision's detectors, before NMS (see `idse.features.torchvision_heads`).

The student of a two-stage detector (Faster and Mask R-CNN) gets the proposals that the teacher found on the original.
The loss also compares the objectness of both first stages, so that the student would find the same proposals. Masks and
keypoints are not compared.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from idse.errors import IdseError
from idse.features.torchvision_heads import (
    anchor_outputs,
    backbone_levels,
    first_stage_outputs,
    proposal_outputs,
)
from idse.learned.tasks.base import Target, Task
from idse.learned.tasks.distillation import head_output_error
from idse.learned.tasks.student import TorchvisionStudent

# Number of proposals with the highest scores per picture. More cost time in the second stage, and few are objects.
_PROPOSALS = 128


class TorchvisionDetectionTask(Task):
    """Difference of the boxes and scores that a torchvision detector gives for decoded and original pictures."""

    full_precision = True

    def __init__(self, student: TorchvisionStudent) -> None:
        """Make the teacher as a copy of the student.

        Raises:
            IdseError: The heads of this model are not supported.
        """
        super().__init__(student, "detections")
        model: Any = student.model
        self._two_stages = hasattr(model, "roi_heads")
        if not self._two_stages and not hasattr(model, "head"):
            raise IdseError(f"{self.identity['model']}: its heads are not supported; use loss features")
        teacher: Any = copy.deepcopy(model)
        self._teacher = (teacher,)  # in a tuple, so that it is not part of the state
        self._threshold = float((model.roi_heads if self._two_stages else model).score_thresh)

    def compare(self, decoded: Tensor, original: Tensor, targets: Sequence[Target]) -> Tensor:
        """See `Task.compare`."""
        compare = self._compare_stages if self._two_stages else self._compare_anchors
        return compare(self.student.model, self._teacher[0], decoded, original)

    def _compare_anchors(self, student: Any, teacher: Any, decoded: Tensor, original: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = anchor_outputs(teacher, original)
        found = anchor_outputs(student, decoded)
        errors = [head_output_error(f, w, self._threshold) for f, w in zip(found, wanted, strict=True)]
        return torch.stack(errors).mean()

    def _compare_stages(self, student: Any, teacher: Any, decoded: Tensor, original: Tensor) -> Tensor:
        with torch.no_grad():
            images, levels = backbone_levels(teacher, original)
            proposals = [found[:_PROPOSALS] for found in teacher.rpn(images, levels)[0]]
            wanted_objects = _objectness(teacher, images, levels)
            wanted = proposal_outputs(teacher, levels, proposals, images.image_sizes)
        images, levels = backbone_levels(student, decoded)
        found_objects = _objectness(student, images, levels)
        found = proposal_outputs(student, levels, proposals, images.image_sizes)
        energy = wanted_objects.square().sum(1).clamp_min(1.0)
        first = (found_objects - wanted_objects).square().sum(1) / energy
        second = [head_output_error(f, w, self._threshold) for f, w in zip(found, wanted, strict=True)]
        return (first + torch.stack(second)).mean()


def _objectness(model: Any, images: Any, levels: dict[str, Tensor]) -> Tensor:
    """Objectness scores of the first stage, `[N, anchors]`, 0..1."""
    return torch.stack([found.scores[:, 0] for found in first_stage_outputs(model, images, levels)])
