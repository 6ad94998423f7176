"""Targets: what a map preserves of a detector, as functions of the picture; the distance is their squared change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from idse.errors import IdseError
from idse.importance.detection_metric import DetectionMetric

if TYPE_CHECKING:
    from torch import Tensor

    from idse.features.base import FeatureExtractor

TargetFunction = Callable[["Tensor"], "list[Tensor]"]


def target_function(
    extractor: FeatureExtractor, target: str, reference: Tensor, metric: DetectionMetric | None = None
) -> TargetFunction:
    """Return the function from a picture `[1, 3, H, W]` (RGB in 0..1) to the tensors of a target.

    Args:
        extractor: The detector.
        target: "features" or "detections".
        reference: The uncompressed picture, of the same shape.
        metric: What counts in detections; by default `DetectionMetric()`.

    Raises:
        IdseError: The detector has no outputs that are known to be boxes and scores.
    """
    if target == "features":
        return extractor.features

    import torch

    from idse.features.heads import HeadExtractor

    if not isinstance(extractor, HeadExtractor):
        raise IdseError(
            f"{extractor.name}: has features only, no boxes and scores; choose --target features"
        )
    heads = extractor.heads(reference)
    with torch.no_grad():
        wanted = heads(reference)
    apply = (metric or DetectionMetric()).function(wanted)
    return lambda rgb: apply(heads(rgb))
