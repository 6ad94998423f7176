"""Differentiable outputs of the heads of torchvision's detectors, before NMS.

One-stage detectors (SSD, RetinaNet, FCOS) give outputs for each anchor, two-stage detectors (Faster and Mask R-CNN) for
proposals. The student gets the proposals that the teacher found on the original. The loss also compares the objectness
of both first stages, so that the student would find the same proposals. Masks and keypoints are not compared.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from idse.errors import IdseError
from idse.features.heads import Candidates
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
            images, levels = _levels(teacher, original)
            proposals = [found[:_PROPOSALS] for found in teacher.rpn(images, levels)[0]]
            wanted_objects = _objectness(teacher, levels)
            wanted = proposal_outputs(teacher, levels, proposals, images.image_sizes)
        images, levels = _levels(student, decoded)
        found_objects = _objectness(student, levels)
        found = proposal_outputs(student, levels, proposals, images.image_sizes)
        energy = wanted_objects.square().sum(1).clamp_min(1.0)
        first = (found_objects - wanted_objects).square().sum(1) / energy
        second = [head_output_error(f, w, self._threshold) for f, w in zip(found, wanted, strict=True)]
        return (first + torch.stack(second)).mean()


def anchor_outputs(model: Any, rgb: Tensor) -> list[Candidates]:
    """Outputs of a one-stage detector for `[N, 3, H, W]` pictures, at each anchor."""
    images, levels = _levels(model, rgb)
    maps = list(levels.values())
    out = {key: value.float() for key, value in model.head(maps).items()}
    logits, codes = out["cls_logits"], out["bbox_regression"]
    if "bbox_ctrness" in out:  # FCOS
        # The square root of 0 would have an infinite gradient.
        scores = (logits.sigmoid() * out["bbox_ctrness"].sigmoid()).clamp_min(1e-12).sqrt()
        decode = model.box_coder.decode
    elif _tells_background(model):  # SSD: the first class is the background
        scores = logits.softmax(-1)[..., 1:]
        decode = model.box_coder.decode_single
    else:  # RetinaNet
        scores = logits.sigmoid()
        decode = model.box_coder.decode_single
    anchors = model.anchor_generator(images, maps)
    return [Candidates(decode(codes[i], anchors[i]), scores[i]) for i in range(len(rgb))]


def proposal_outputs(
    model: Any, levels: dict[str, Tensor], proposals: Sequence[Tensor], sizes: Sequence[tuple[int, int]]
) -> list[Candidates]:
    """Outputs of a two-stage detector for proposals: a box and a score for each proposal and class.

    Args:
        model: The detector.
        levels: Outputs of its backbone.
        proposals: `[places, 4]` for each picture, in samples of the detector's input.
        sizes: Height and width of the pictures in the detector's input.
    """
    heads = model.roi_heads
    pooled = heads.box_roi_pool(levels, list(proposals), list(sizes))
    logits, codes = heads.box_predictor(heads.box_head(pooled))
    scores = logits.float().softmax(-1)[:, 1:]
    boxes = heads.box_coder.decode(codes.float(), list(proposals))[:, 1:]
    counts = [len(found) for found in proposals]
    outputs = []
    for own_boxes, own_scores in zip(boxes.split(counts), scores.split(counts), strict=True):
        # Each class of a proposal is a location of its own, with a box and a score.
        outputs.append(Candidates(own_boxes.flatten(0, 1), own_scores.flatten()[:, None]))
    return outputs


def _levels(model: Any, rgb: Tensor) -> tuple[Any, dict[str, Tensor]]:
    """The detector's input, and the outputs of its backbone."""
    images, _ = model.transform(list(rgb))
    out = model.backbone(images.tensors)
    return images, {"0": out} if isinstance(out, Tensor) else out


def _objectness(model: Any, levels: dict[str, Tensor]) -> Tensor:
    """Objectness scores of the first stage, `[N, anchors]`, 0..1."""
    logits, _ = model.rpn.head(list(levels.values()))
    return torch.cat([level.float().flatten(1) for level in logits], 1).sigmoid()


def _tells_background(model: Any) -> bool:
    from torchvision.models.detection.ssd import SSD

    return isinstance(model, SSD)
