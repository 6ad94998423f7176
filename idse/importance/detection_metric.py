"""The distance between the detections of two pictures, before thresholds and NMS; maps of detections preserve it.

Average precision (AP) ranks the reported boxes by score, and counts those that overlap an object by 0.5 to 0.95. A
coding error costs AP in two ways, and the distance is the sum of both over all candidates of a detector's heads:

- Scores: `sum (s' - s)^2` over candidates and classes. A change of a score is a change of rank. Near 0 and 1 a sigmoid
  hardly moves, so the objects count that can still be lost (or made up). The scores of wrong classes count too, and
  with them a confusion of classes.
- Boxes: a corner that moves by a share d of its side costs about d of IoU, and with it up to 2 d of the precision
  averaged over the ten thresholds (it falls from 1 to 0 between IoU .95 and .5). What is lost is what the object
  was worth, its score s: `box_weight^2 s sum (corner' - corner)^2 / side^2`.
- Masks: `mask_weight^2 s` times the mean squared change of a mask's probabilities over its raster.

Scores s and sides are those of the uncompressed picture, and constant under differentiation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from idse.features.heads import Candidates, HeadOutputs

_SMALLEST_SIDE = 8.0
"""In samples of the detector's input: a side below this counts as this long."""


@dataclass(frozen=True)
class DetectionMetric:
    """Weights of the parts of the distance.

    Attributes:
        scores: "plain": squared differences of scores. "fisher": relative to their variance `s (1 - s)` (the Fisher
            information of a Bernoulli variable). "margin": only scores near `margin` count.
        score_weight: Factor of scores.
        box_weight: Factor of boxes; 0: boxes do not count.
        mask_weight: Factor of masks.
        margin: See `scores`.
        rivals: Power of the ratio of a candidate's score to the best score of an overlapping candidate of its stage
            (IoU above 0.6); 0: what NMS would suppress counts like what it keeps.
    """

    scores: str = "plain"
    score_weight: float = 1.0
    box_weight: float = 1.0
    mask_weight: float = 1.0
    margin: float = 0.5
    rivals: float = 0.0

    def function(self, reference: HeadOutputs) -> Callable[[HeadOutputs], list[Tensor]]:
        """Return the function whose squared differences are the distance.

        Args:
            reference: Outputs for the uncompressed picture.
        """
        parts = [self._constants(stage) for stage in reference.stages]
        mask_root = None if reference.mask_scores is None else reference.mask_scores.detach().sqrt()

        def apply(outputs: HeadOutputs) -> list[Tensor]:
            found = []
            for stage, (share, box_scale) in zip(outputs.stages, parts, strict=True):
                found.append(self.score_weight * share * self._scores(stage.scores))
                if self.box_weight:
                    found.append(self.box_weight * box_scale * stage.boxes)
            if outputs.masks is not None and mask_root is not None and self.mask_weight:
                masks = outputs.masks.flatten(1)
                found.append(self.mask_weight * mask_root[:, None] * masks / masks.shape[1] ** 0.5)
            return found

        return apply

    def _constants(self, stage: Candidates) -> tuple[Tensor, Tensor]:
        scores, boxes = stage.scores.detach(), stage.boxes.detach()
        best = scores.amax(1, keepdim=True)
        share = best.new_ones(best.shape)
        if self.rivals:
            share = _standing(boxes, best[:, 0])[:, None] ** (self.rivals / 2)
        sides = (boxes[:, 2:] - boxes[:, :2]).abs().clamp(min=_SMALLEST_SIDE)
        return share, share * best.clamp(min=0).sqrt() / sides.repeat(1, 2)

    def _scores(self, scores: Tensor) -> Tensor:
        if self.scores == "fisher":
            # 2 asin(sqrt(s)) has the derivative 1 / sqrt(s (1 - s)).
            return 2 * scores.clamp(1e-6, 1 - 1e-6).sqrt().asin()
        if self.scores == "margin":
            return ((scores - self.margin) * 12).sigmoid()
        return scores


METRICS: Mapping[str, DetectionMetric] = {
    "default": DetectionMetric(),
    "scores": DetectionMetric(box_weight=0.0),
    "boxes": DetectionMetric(score_weight=0.0),
    "boxes-2": DetectionMetric(box_weight=2.0),
    "boxes-half": DetectionMetric(box_weight=0.5),
    "fisher": DetectionMetric(scores="fisher"),
    "margin": DetectionMetric(scores="margin"),
    "rivals": DetectionMetric(rivals=2.0),
}
"""The metrics that settings name."""


def _standing(boxes: Tensor, scores: Tensor, floor: float = 0.02) -> Tensor:
    """Ratio of every candidate's score to the best of the candidates that overlap it, 0..1; 1 below `floor`."""
    import torch
    from torchvision.ops import box_iou

    there = (scores > floor).nonzero()[:, 0]
    standing = torch.ones_like(scores)
    if len(there):
        iou = box_iou(boxes[there], boxes[there])
        best = torch.where(iou > 0.6, scores[there][None], torch.zeros_like(iou)).amax(1)
        standing[there] = scores[there] / best.clamp(min=1e-9)
    return standing.clamp(max=1)
