"""Objects in pictures: detections and ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from idse.errors import IdseError

PSEUDO_GROUND_TRUTH_SCORE = 0.3

Rle = dict[str, Any]
"""A mask as COCO's compressed run lengths: `{"size": [height, width], "counts": bytes}`."""


@dataclass(frozen=True)
class Detections:
    """The detections in one picture.

    Attributes:
        boxes: `[n, 4]` x0, y0, x1, y1 in the picture's own samples.
        scores: `[n]`, 0..1.
        labels: `[n]` indices into the detector's class names.
        masks: One for each box, or None if the detector reports none.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    masks: tuple[Rle, ...] | None = None

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.labels.shape != (n,):
            raise ValueError(
                f"shapes {self.boxes.shape}, {self.scores.shape}, {self.labels.shape} do not fit"
            )
        _check_masks(self.masks, n)

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, index: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Detections:
        """The detections that a boolean mask or an index selects."""
        return Detections(self.boxes[index], self.scores[index], self.labels[index], _pick(self.masks, index))


@dataclass(frozen=True)
class Truth:
    """The ground truth of one picture.

    Attributes:
        boxes: `[n, 4]` x0, y0, x1, y1 in the picture's own samples.
        labels: `[n]` indices into the data set's class names.
        crowd: `[n]` True if the box marks a group: it need not be detected, and detections on it are not errors.
        areas: `[n]` area of the object in samples (of its outline if known), for COCO's small, medium and large.
        masks: One for each box, or None if the data set has none.
    """

    boxes: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    crowd: npt.NDArray[np.bool_]
    areas: npt.NDArray[np.float64]
    masks: tuple[Rle, ...] | None = None

    def __post_init__(self) -> None:
        n = len(self.labels)
        if self.boxes.shape != (n, 4) or self.crowd.shape != (n,) or self.areas.shape != (n,):
            raise ValueError(
                f"shapes {self.boxes.shape}, {self.labels.shape}, {self.crowd.shape}, {self.areas.shape} do not fit"
            )
        _check_masks(self.masks, n)

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, index: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Truth:
        """The objects that a boolean mask or an index selects."""
        return Truth(
            self.boxes[index],
            self.labels[index],
            self.crowd[index],
            self.areas[index],
            _pick(self.masks, index),
        )


def _check_masks(masks: tuple[Rle, ...] | None, n: int) -> None:
    if masks is not None and len(masks) != n:
        raise ValueError(f"{len(masks)} masks for {n} boxes")


def _pick(
    masks: tuple[Rle, ...] | None, index: npt.NDArray[np.bool_] | npt.NDArray[np.int64]
) -> tuple[Rle, ...] | None:
    return None if masks is None else tuple(masks[i] for i in np.arange(len(masks))[index])


def mask_functions() -> Any:
    """COCO's functions for run lengths (`encode`, `decode`, `area`, `iou`), from faster-coco-eval.

    Raises:
        IdseError: faster-coco-eval is not installed.
    """
    try:
        from faster_coco_eval.core import mask
    except ImportError:
        raise IdseError(
            "faster-coco-eval is not installed: masks need pip install 'idse[evaluate]'"
        ) from None
    return mask


def align(detections: Detections, from_classes: Sequence[str], to_classes: Sequence[str]) -> Detections:
    """The detections with the labels of another list of class names.

    Args:
        detections: Labelled by `from_classes`.
        from_classes: The detector's names.
        to_classes: The data set's names. Detections of a class that is not among them are dropped.
    """
    if tuple(from_classes) == tuple(to_classes):
        return detections
    index = {name: i for i, name in enumerate(to_classes)}
    table = np.array([index.get(name, -1) for name in from_classes], dtype=np.int64).reshape(-1)
    if len(detections) and not 0 <= detections.labels.min() <= detections.labels.max() < len(table):
        raise ValueError(f"a label lies outside the {len(table)} class names")
    labels = table[detections.labels]
    kept = detections.select(labels >= 0)
    return Detections(kept.boxes, kept.scores, labels[labels >= 0], kept.masks)


def pseudo_truth(detections: Detections, above: float = PSEUDO_GROUND_TRUTH_SCORE) -> Truth:
    """Pseudo ground truth: the detections with a score above 0.3. None is a crowd."""
    kept = detections.select(detections.scores > above)
    boxes = kept.boxes.astype(np.float64)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    if kept.masks:
        areas = np.asarray(mask_functions().area(list(kept.masks)), dtype=np.float64)
    return Truth(boxes, kept.labels, np.zeros(len(kept), dtype=bool), areas, kept.masks)
