"""The outputs of torchvision's detectors before NMS, differentiable: of anchors, of proposals, and of masks.

One-stage detectors (SSD, SSDlite, RetinaNet, FCOS) give a box and scores for each anchor. Two-stage detectors (Faster,
Mask and Keypoint R-CNN) give them for each anchor of the proposal network and, given proposals, for each of these.
Keypoints are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from idse.features.heads import Candidates, HeadOutputs, Heads, full_precision

_PROPOSALS = 256
"""Number of proposals of the second stage, by objectness. More take long, and those that follow are hardly objects."""


class TorchvisionHeads:
    """The heads of a torchvision detector; see `heads.HeadExtractor`.

    Attributes:
        model: The detector, in evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(self, reference: Tensor) -> Heads:
        """See `heads.HeadExtractor.heads`."""
        if not hasattr(self.model, "roi_heads"):
            return lambda rgb: HeadOutputs((anchor_outputs(self.model, rgb)[0],))
        return _TwoStages(self.model, reference)


class _TwoStages:
    """Outputs of a two-stage detector for the proposals and the objects of one reference picture."""

    @torch.no_grad()
    def __init__(self, model: Any, reference: Tensor) -> None:
        self._model = model
        images, levels = backbone_levels(model, reference)
        proposals, _ = model.rpn(images, levels)
        self._proposals = [proposals[0][:_PROPOSALS]]  # the most certain come first
        self._found: dict[str, Tensor] | None = None
        if model.roi_heads.has_mask():
            (found,), _ = model.roi_heads(levels, proposals, images.image_sizes)
            self._found = found if len(found["boxes"]) else None

    def __call__(self, rgb: Tensor) -> HeadOutputs:
        """The outputs for a picture of the reference's size."""
        model = self._model
        images, levels = backbone_levels(model, rgb)
        first = first_stage_outputs(model, images, levels)[0]
        second = proposal_outputs(model, levels, self._proposals, images.image_sizes)[0]
        if self._found is None:
            return HeadOutputs((first, second))
        masks = mask_outputs(model, levels, self._found["boxes"], self._found["labels"], images.image_sizes)
        return HeadOutputs((first, second), masks, self._found["scores"])


def backbone_levels(model: Any, rgb: Tensor) -> tuple[Any, dict[str, Tensor]]:
    """The detector's input for pictures `[N, 3, H, W]`, RGB in 0..1, and the outputs of its backbone."""
    images, _ = model.transform(list(rgb))
    out = model.backbone(images.tensors)
    return images, {"0": out} if isinstance(out, Tensor) else out


def anchor_outputs(model: Any, rgb: Tensor) -> list[Candidates]:
    """Outputs of a one-stage detector for `[N, 3, H, W]` pictures, at each anchor."""
    images, levels = backbone_levels(model, rgb)
    maps = list(levels.values())
    out = {key: full_precision(value) for key, value in model.head(maps).items()}
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


def first_stage_outputs(model: Any, images: Any, levels: dict[str, Tensor]) -> list[Candidates]:
    """Boxes and objectness (one class) that the proposal network gives for each anchor.

    Args:
        model: A two-stage detector.
        images: Its input.
        levels: Outputs of its backbone.
    """
    maps = list(levels.values())
    logits, codes = model.rpn.head(maps)
    anchors = model.rpn.anchor_generator(images, maps)
    found = []
    for i, own in enumerate(anchors):
        scores = torch.cat([_by_anchor(level[i], 1) for level in logits]).sigmoid()
        found.append(Candidates(model.rpn.box_coder.decode_single(_joined(codes, i), own), scores))
    return found


def proposal_outputs(
    model: Any, levels: dict[str, Tensor], proposals: Sequence[Tensor], sizes: Sequence[tuple[int, int]]
) -> list[Candidates]:
    """Outputs of the second stage for proposals: a box and a score for each proposal and class.

    Args:
        model: A two-stage detector.
        levels: Outputs of its backbone.
        proposals: `[places, 4]` for each picture, in samples of the detector's input.
        sizes: Height and width of the pictures in the detector's input.
    """
    heads = model.roi_heads
    pooled = heads.box_roi_pool(levels, list(proposals), list(sizes))
    logits, codes = heads.box_predictor(heads.box_head(pooled))
    scores = full_precision(logits).softmax(-1)[:, 1:]
    boxes = heads.box_coder.decode(full_precision(codes), list(proposals))[:, 1:]
    counts = [len(found) for found in proposals]
    outputs = []
    for own_boxes, own_scores in zip(boxes.split(counts), scores.split(counts), strict=True):
        # Each class of a proposal is a location of its own, with a box and a score.
        outputs.append(Candidates(own_boxes.flatten(0, 1), own_scores.flatten()[:, None]))
    return outputs


def mask_outputs(
    model: Any, levels: dict[str, Tensor], boxes: Tensor, labels: Tensor, sizes: Sequence[tuple[int, int]]
) -> Tensor:
    """Probabilities of the masks of objects in one picture, `[objects, rows, columns]`, on a raster over their boxes.

    Args:
        model: A two-stage detector with masks.
        levels: Outputs of its backbone.
        boxes: `[objects, 4]`, in samples of the detector's input.
        labels: `[objects]`; the masks are those of these classes.
        sizes: Height and width of the picture in the detector's input.
    """
    heads = model.roi_heads
    pooled = heads.mask_roi_pool(levels, [boxes], list(sizes))
    logits = full_precision(heads.mask_predictor(heads.mask_head(pooled)))
    masks: Tensor = logits[torch.arange(len(labels), device=labels.device), labels].sigmoid()
    return masks


def _joined(codes: Sequence[Tensor], picture: int) -> Tensor:
    return torch.cat([_by_anchor(level[picture], 4) for level in codes])


def _by_anchor(level: Tensor, values: int) -> Tensor:
    """`[anchors of a place * values, H, W]` as `[H * W * anchors of a place, values]`, the order of the anchors."""
    return full_precision(level).unflatten(0, (-1, values)).permute(2, 3, 0, 1).reshape(-1, values)


def _tells_background(model: Any) -> bool:
    from torchvision.models.detection.ssd import SSD

    return isinstance(model, SSD)
