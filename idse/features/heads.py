"""What a detector's heads report for a picture before NMS, in one form for all detectors, and differentiable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from idse.features.base import FeatureExtractor


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes and scores of all places (cells, anchors or proposals) of one stage of a detector, for one picture.

    Attributes:
        boxes: `[places, 4]` x0, y0, x1, y1 in samples of the detector's input.
        scores: `[places, classes]`, 0..1.
    """

    boxes: Tensor
    scores: Tensor


@dataclass(frozen=True, eq=False)
class HeadOutputs:
    """Everything that the heads of a detector report for one picture, before NMS.

    Attributes:
        stages: The stages whose candidates decide what is found: one for a one-stage detector; for a two-stage
            detector the proposal network (one class, objectness) and the second stage.
        masks: `[objects, rows, columns]` probabilities of the masks of the objects that were found in the reference
            picture; None for a detector without masks.
        mask_scores: `[objects]` scores of these objects.
    """

    stages: tuple[Candidates, ...]
    masks: Tensor | None = None
    mask_scores: Tensor | None = None


Heads = Callable[[Tensor], HeadOutputs]
"""Computes the outputs for a picture `[1, 3, H, W]`, RGB in 0..1, with gradients."""


def full_precision(tensor: Tensor) -> Tensor:
    """A tensor in float32, or in float64 as it is."""
    return tensor if tensor.dtype == torch.float64 else tensor.to(torch.float32)


@runtime_checkable
class HeadExtractor(FeatureExtractor, Protocol):
    """An extractor that also computes the outputs of the detector's heads."""

    def heads(self, reference: Tensor) -> Heads:
        """Return the function from a picture to the outputs of the heads.

        Args:
            reference: The uncompressed picture `[1, 3, H, W]`, RGB in 0..1, on `device`. A two-stage detector takes
                its proposals and its objects from it, so that outputs for other pictures can be compared.

        Raises:
            IdseError: It is not known what the outputs of this detector mean.
        """
        ...
