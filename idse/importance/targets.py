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


def target_parts(extractor: FeatureExtractor, target: str) -> tuple[str, ...]:
    """Return the targets whose maps are made for a target and added: for "both" two, unless it is predicted whole.

    Args:
        extractor: The detector, or a network that stands in for detectors.
        target: "features", "detections" or "both".
    """
    from idse.features.base import TargetPredictor

    if target != "both" or isinstance(extractor, TargetPredictor):
        return (target,)
    return ("features", "detections")


def target_function(
    extractor: FeatureExtractor, target: str, reference: Tensor, metric: DetectionMetric | None = None
) -> TargetFunction:
    """Return the function from a picture `[1, 3, H, W]` (RGB in 0..1) to the tensors of a target.

    Args:
        extractor: The detector, or a network that stands in for detectors.
        target: One of `target_parts`.
        reference: The uncompressed picture, of the same shape.
        metric: What counts in detections; by default `DetectionMetric()`.

    Raises:
        IdseError: The extractor has no such target: its outputs are not known to be boxes and scores.
    """
    if target == "features":
        return extractor.features

    import torch

    from idse.features.base import TargetPredictor
    from idse.features.heads import HeadExtractor

    if isinstance(extractor, TargetPredictor):
        if target not in extractor.targets:
            raise IdseError(
                f"{extractor.name}: these weights know the target {', '.join(extractor.targets)} only; "
                f"choose --target {extractor.targets[0]}, or other weights"
            )
        return lambda rgb: extractor.weighted(rgb, target)
    if not isinstance(extractor, HeadExtractor):
        raise IdseError(f"{extractor.name}: has features only, no boxes and scores; choose --target features")
    heads = extractor.heads(reference)
    with torch.no_grad():
        wanted = heads(reference)
    apply = (metric or DetectionMetric()).function(wanted)
    return lambda rgb: apply(heads(rgb))
