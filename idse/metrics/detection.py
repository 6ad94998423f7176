"""Average precision against the detections on the uncompressed picture, pooled over classes.

Definition. The pseudo ground truth of a picture are the detections on its uncompressed form whose score is
above 0.3. Detections on the decoded picture are matched to it as COCO does (per picture and class, in the
order of their scores, each to the free box of the greatest IoU that reaches the threshold; at most 100
detections per picture and class). A match must therefore agree in class; but precision and recall are then
those of *all* classes' detections in one list sorted by score, not a mean over classes: with 80 pictures most
classes have too few boxes to be averaged. AP is the mean of the 101-point interpolated precision over the IoU
thresholds 0.50, 0.55 ... 0.95. This equals COCO's evaluation with one category, where each (picture, class)
is a picture of its own; a test checks it against faster-coco-eval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
PSEUDO_GROUND_TRUTH_SCORE = 0.3
MAX_DETECTIONS = 100


Rle = dict[str, Any]
"""A mask as COCO's compressed run lengths: `{"size": [height, width], "counts": bytes}`."""


@dataclass(frozen=True)
class Detections:
    """What a detector found in one picture.

    Attributes:
        boxes: `[n, 4]` x0, y0, x1, y1 in the picture's own samples.
        scores: `[n]`, 0..1.
        labels: `[n]` indices into the detector's class names.
        masks: One for each box, or None from a detector that reports none.
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
        """The boxes that a mask or an index picks, with their masks."""
        return Detections(self.boxes[index], self.scores[index], self.labels[index], _pick(self.masks, index))


@dataclass(frozen=True)
class Truth:
    """What is in one picture.

    Attributes:
        boxes: `[n, 4]` x0, y0, x1, y1 in the picture's own samples.
        labels: `[n]` indices into the data set's class names.
        crowd: `[n]` True where the box stands for a group: never to be found, and whatever lies on it is no error.
        areas: `[n]` of the object in samples (of its outline, where one is known): COCO's small, medium and large.
        masks: One for each box, or None where the data set has none.
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
        """The objects that a mask or an index picks, with their masks."""
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


def align(detections: Detections, from_classes: Sequence[str], to_classes: Sequence[str]) -> Detections:
    """The detections with labels of another list of class names.

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


def pseudo_truth(detections: Detections, above: float = 0.3) -> Truth:
    """The detections that count as truth: those with a score above 0.3. None is a crowd."""
    kept = detections.select(detections.scores > above)
    boxes = kept.boxes.astype(np.float64)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    if kept.masks:
        from faster_coco_eval.core import mask

        areas = np.asarray(mask.area(list(kept.masks)), dtype=np.float64)
    return Truth(boxes, kept.labels, np.zeros(len(kept), dtype=bool), areas, kept.masks)


@dataclass(frozen=True)
class MatchedDetections:
    """One picture's detections after matching: scores, hits per threshold, number of boxes to find."""

    scores: npt.NDArray[np.float64]
    hits: npt.NDArray[np.bool_]  # [n, 10]
    positives: int


def pseudo_ground_truth(detections: Detections, above: float = PSEUDO_GROUND_TRUTH_SCORE) -> Detections:
    """The detections that count as truth: those with a score above 0.3."""
    return detections.select(detections.scores > above)


def iou(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """`[len(a), len(b)]` intersections over unions of boxes x0, y0, x1, y1."""
    first, second = a.astype(np.float64)[:, None], b.astype(np.float64)[None]
    size = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
    both = np.prod(np.clip(size, 0, None), axis=-1)
    area_a = np.prod(first[..., 2:] - first[..., :2], axis=-1)
    area_b = np.prod(second[..., 2:] - second[..., :2], axis=-1)
    union = area_a + area_b - both
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def match(detections: Detections, truth: Detections) -> MatchedDetections:
    """Match one picture's detections to its truth, class by class, at every IoU threshold."""
    scores, hits = [np.zeros(0)], [np.zeros((0, len(IOU_THRESHOLDS)), dtype=bool)]
    for label in np.unique(detections.labels):
        found = detections.select(detections.labels == label)
        order = np.argsort(-found.scores, kind="stable")[:MAX_DETECTIONS]
        wanted = truth.boxes[truth.labels == label]
        scores.append(found.scores[order].astype(np.float64))
        hits.append(_match_class(iou(found.boxes[order], wanted)))
    return MatchedDetections(np.concatenate(scores), np.concatenate(hits), len(truth))


def _match_class(overlaps: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Greedy matching of detections (rows, best score first) to truth (columns), for each threshold."""
    n, m = overlaps.shape
    hits = np.zeros((n, len(IOU_THRESHOLDS)), dtype=bool)
    if m == 0:
        return hits
    for t, threshold in enumerate(IOU_THRESHOLDS):
        free = np.ones(m, dtype=bool)
        for d in range(n):
            candidates = np.where(free, overlaps[d], -1.0)
            # COCO takes the last of equals.
            best = m - 1 - int(np.argmax(candidates[::-1]))
            if candidates[best] >= min(threshold, 1 - 1e-10):
                free[best] = False
                hits[d, t] = True
    return hits


class PooledCurve:
    """Many pictures' detections in one list by score, ready for AP under any multiplicity of pictures."""

    def __init__(self, pictures: Sequence[MatchedDetections]) -> None:
        scores = np.concatenate([np.zeros(0), *[p.scores for p in pictures]])
        order = np.argsort(-scores, kind="stable")
        self._owner = np.repeat(np.arange(len(pictures)), [len(p.scores) for p in pictures])[order]
        none = np.zeros((0, len(IOU_THRESHOLDS)), dtype=bool)
        self._hits = np.ascontiguousarray(np.concatenate([none, *[p.hits for p in pictures]])[order].T)
        self._positives = np.array([p.positives for p in pictures], dtype=np.int64)

    def average_precision(self, counts: npt.NDArray[np.integer] | None = None) -> float:
        """AP@[.5:.95]; `counts[i]`: how often picture i stands in the sample. NaN with nothing to find."""
        times = np.ones(len(self._positives), dtype=np.int64) if counts is None else counts.astype(np.int64)
        positives = int(times @ self._positives)
        if positives == 0:
            return float("nan")
        return float(np.mean([_interpolated(hits, times[self._owner], positives) for hits in self._hits]))


@numba.njit(cache=True)
def _interpolated(hits: npt.NDArray[np.bool_], weight: npt.NDArray[np.int64], positives: int) -> float:
    """101-point interpolated precision of detections by falling score, each standing `weight` times."""
    n = len(hits)
    recall = np.empty(n)
    precision = np.empty(n)
    found = total = 0
    for i in range(n):
        total += weight[i]
        found += weight[i] if hits[i] else 0
        recall[i] = found / positives
        precision[i] = found / total if total > 0 else 0.0
    # Down from the highest recall: the best precision at this recall or a higher one.
    best, result, i = 0.0, 0.0, n - 1
    for point in range(100, -1, -1):
        while i >= 0 and recall[i] >= point / 100 - 1e-12:
            best = max(best, precision[i])
            i -= 1
        result += best
    return result / 101


def average_precision(pictures: Sequence[MatchedDetections]) -> float:
    """AP@[.5:.95] of matched pictures, pooled over pictures and classes."""
    return PooledCurve(pictures).average_precision()
