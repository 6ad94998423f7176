"""COCO's matching of one picture's detections to its ground truth.

COCO's rules, for each class: at most 100 detections, in the order of their scores. Each is matched to the unmatched
object with the greatest IoU that reaches the threshold (the last of several equal ones). A crowd is only matched if no
object is; it may be matched many times, its IoU is the share of the *detection* that lies on it, and the detection then
counts neither as right nor as wrong. This is done at the ten IoU thresholds 0.50, 0.55 ... 0.95.

The result, `Matches`, is small and contains everything that average precision needs.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numba
import numpy as np
import numpy.typing as npt

from idse.errors import IdseError
from idse.metrics.detection import Detections, Rle, Truth, mask_functions

IouType = Literal["boxes", "masks"]

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
MAX_DETECTIONS = 100
MOST_BYTES = 1 << 28
"""The greatest decompressed size of the detections or matches of one item in a store."""

_HEADER = struct.Struct("<BH")
_FORMAT = 1


@dataclass(frozen=True)
class Matches:
    """One picture's detections after matching, by class and then by falling score.

    Attributes:
        scores: `[n]`.
        labels: `[n]` class indices.
        hits: `[n]` bit t: right at IoU .50 + .05 t.
        ignored: `[n]` bit t: counts neither as right nor as wrong there (it lies on a crowd).
        positives: `[classes]` number of objects without crowds.
    """

    scores: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int16]
    hits: npt.NDArray[np.uint16]
    ignored: npt.NDArray[np.uint16]
    positives: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.scores)

    def pack(self) -> bytes:
        """A few hundred bytes for `unpack`: one byte for the format, number of classes, compressed columns."""
        columns = (
            self.scores.astype("<f4"),
            self.positives.astype("<i4"),
            self.labels.astype("<i2"),
            self.hits.astype("<u2"),
            self.ignored.astype("<u2"),
        )
        body = zlib.compress(b"".join(column.tobytes() for column in columns))
        return _HEADER.pack(_FORMAT, len(self.positives)) + body

    @classmethod
    def unpack(cls, data: bytes) -> Matches:
        """The inverse of `pack`; its arrays are read-only.

        Raises:
            IdseError: Bytes of another format.
        """
        try:
            version, classes = _HEADER.unpack_from(data)
            body = inflate(data[_HEADER.size :])
        except (struct.error, TypeError, ValueError) as error:
            raise IdseError(f"not packed matches: {error}") from None
        n, rest = divmod(len(body) - 4 * classes, 10)
        if version != _FORMAT or n < 0 or rest:
            raise IdseError("not packed matches, or of another version")
        labels = 4 * (n + classes)
        return cls(
            scores=np.frombuffer(body, "<f4", n),
            positives=np.frombuffer(body, "<i4", classes, 4 * n),
            labels=np.frombuffer(body, "<i2", n, labels),
            hits=np.frombuffer(body, "<u2", n, labels + 2 * n),
            ignored=np.frombuffer(body, "<u2", n, labels + 4 * n),
        )


def inflate(data: bytes) -> bytes:
    """The inverse of `zlib.compress`, with a limit of size.

    Raises:
        ValueError: The data is damaged, or longer than `MOST_BYTES`: it may expand a thousand times.
    """
    try:
        inflater = zlib.decompressobj()
        found = inflater.decompress(data, MOST_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not inflater.eof or inflater.unused_data:
        raise ValueError("cut short, too long, or something follows")
    return found


def match(detections: Detections, truth: Truth, classes: int, iou_type: IouType = "boxes") -> Matches:
    """Match one picture's detections to its truth.

    Args:
        detections: Detections with labels of the data set's classes (see `align`).
        truth: The ground truth of the picture.
        classes: The number of classes; every label is below it.
        iou_type: Whether the overlap is that of boxes or of masks; for masks, both sides must have them.

    Raises:
        ValueError: A label is outside the classes, or there are no masks.
    """
    if iou_type not in get_args(IouType):
        raise ValueError(f"iou_type {iou_type!r} is not one of {', '.join(get_args(IouType))}")
    for name, labels in (("detection", detections.labels), ("truth", truth.labels)):
        if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
            raise ValueError(f"a {name} has label {labels.min()} or {labels.max()}, outside 0..{classes - 1}")
    order = _best_by_class(detections)
    labels = detections.labels[order]
    hits, ignored = np.zeros(len(order), np.uint16), np.zeros(len(order), np.uint16)
    for label in np.intersect1d(labels, truth.labels):
        first, last = np.searchsorted(labels, [label, label + 1])
        wanted = np.flatnonzero(truth.labels == label)
        # Crowds last, otherwise in the given order.
        wanted = wanted[np.argsort(truth.crowd[wanted], kind="stable")]
        overlaps = _overlaps(detections, order[first:last], truth, wanted, iou_type)
        hits[first:last], ignored[first:last] = _match_class(overlaps, truth.crowd[wanted], IOU_THRESHOLDS)
    return Matches(
        detections.scores[order].astype(np.float32),
        labels.astype(np.int16),
        hits,
        ignored,
        np.bincount(truth.labels[~truth.crowd], minlength=classes).astype(np.int32),
    )


def iou(
    a: npt.NDArray[np.floating[Any]],
    b: npt.NDArray[np.floating[Any]],
    crowd: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.float64]:
    """`[len(a), len(b)]` intersections over unions of boxes x0, y0, x1, y1; over the area of `a` for crowds in `b`."""
    first, second = a.astype(np.float64)[:, None], b.astype(np.float64)[None]
    size = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
    both = np.prod(np.clip(size, 0, None), axis=-1)
    area_a = np.prod(first[..., 2:] - first[..., :2], axis=-1)
    area_b = np.prod(second[..., 2:] - second[..., :2], axis=-1)
    union = area_a + area_b - both
    if crowd is not None:
        union = np.where(crowd, area_a, union)
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def _best_by_class(detections: Detections) -> npt.NDArray[np.int64]:
    """Indices by class and falling score, at most 100 of a class."""
    order = np.lexsort((-detections.scores, detections.labels))
    labels = detections.labels[order]
    rank = np.arange(len(order)) - np.searchsorted(labels, labels)
    return np.asarray(order[rank < MAX_DETECTIONS], dtype=np.int64)


def _overlaps(
    detections: Detections,
    found: npt.NDArray[np.int64],
    truth: Truth,
    wanted: npt.NDArray[np.int64],
    iou_type: IouType,
) -> npt.NDArray[np.float64]:
    crowd = truth.crowd[wanted]
    if iou_type == "boxes":
        return iou(detections.boxes[found], truth.boxes[wanted], crowd)
    if detections.masks is None or truth.masks is None:
        raise ValueError(f"the {'detections' if detections.masks is None else 'truth'} have no masks")
    masks_a: list[Rle] = [detections.masks[i] for i in found]
    masks_b: list[Rle] = [truth.masks[i] for i in wanted]
    return np.asarray(
        mask_functions().iou(masks_a, masks_b, crowd.astype(np.uint8).tolist()), dtype=np.float64
    )


@numba.njit(cache=True)
def _match_class(overlaps: npt.NDArray[np.float64], crowd: npt.NDArray[np.bool_], thresholds: Any) -> Any:
    """Hits and ignored of detections (rows, best score first) against objects (columns, crowds last)."""
    n, m = overlaps.shape
    hits, ignored = np.zeros(n, np.uint16), np.zeros(n, np.uint16)
    for t in range(len(thresholds)):
        taken = np.zeros(m, np.bool_)
        for d in range(n):
            best, least = -1, min(thresholds[t], 1 - 1e-10)
            for g in range(m):
                if taken[g] and not crowd[g]:
                    continue
                if best >= 0 and crowd[g] and not crowd[best]:
                    break
                if overlaps[d, g] >= least:
                    best, least = g, overlaps[d, g]
            if best >= 0:
                taken[best] = True
                if crowd[best]:
                    ignored[d] |= np.uint16(1 << t)
                else:
                    hits[d] |= np.uint16(1 << t)
    return hits, ignored
