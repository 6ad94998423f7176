"""Average precision (AP) of the matched detections of many pictures: by class, mean, pooled, weighted.

Every figure is the mean over the IoU thresholds 0.50, 0.55 ... 0.95 (or the value at one of them) of COCO's 101-point
interpolated precision: at each recall 0, 0.01 ... 1 the best precision at that recall or a higher one. All methods take
the multiplicity of every picture, so that a bootstrap over pictures does not match or sort again.

`mean` is COCO's mAP: AP of each class, averaged over the classes that have objects. Tests compare it with
pycocotools and faster-coco-eval.

`pooled` is AP with all classes in one list, used against the detections on the uncompressed picture. Definition: the
pseudo ground truth of a picture is the set of detections on its uncompressed form with a score above 0.3
(`idse.metrics.pseudo_truth`). Detections on the decoded picture are matched to it as COCO does (per picture and
class). A match must therefore agree in class; but precision and recall are then those of *all* classes' detections in
one list sorted by score, not a mean over classes: with 80 pictures most classes have too few boxes to be averaged.
This equals COCO's evaluation with one category in which each pair of picture and class is one picture.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from idse.metrics.matching import IOU_THRESHOLDS, Matches

# The same call as COCO's, for the same rounding: its 0.57 is slightly above 57/100, so a recall of 57/100 is below it.
RECALLS = np.linspace(0.0, 1.0, 101)


class _List(NamedTuple):
    """Detections in the order of the kernel: by group (class), and within a group by falling score.

    Most detections are misses at every threshold and only add to the count. Any other detection is an event,
    together with those of equal score from the same picture: `begins` and `ends` are positions in the list.
    """

    starts: npt.NDArray[np.int64]  # [groups + 1] positions in the list
    events: npt.NDArray[np.int64]  # [groups + 1] positions among the events
    begins: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    owner: npt.NDArray[np.int32]  # picture
    hits: npt.NDArray[np.uint16]
    ignored: npt.NDArray[np.uint16]


class Resampled(NamedTuple):
    """Figures of many samples, `[n]` each: COCO's mAP, mAP at an IoU of 0.5 alone, and weighted AP."""

    mean: npt.NDArray[np.float64]
    at_50: npt.NDArray[np.float64]
    weighted: npt.NDArray[np.float64]


class PrecisionCurves:
    """Matched detections of many pictures, prepared for average precision with any multiplicity of the pictures.

    In every method `counts[i]` is the number of times that picture i is in the sample (None: once). The result is
    that of a data set with the copies next to each other. `threshold` selects one IoU threshold (0.5, 0.55 ... 0.95).

    Args:
        pictures: Matches of every picture. Equal scores are in the order of the pictures, as in COCO's evaluation.
        classes: How many classes there are.
    """

    def __init__(self, pictures: Sequence[Matches], classes: int) -> None:
        for picture in pictures:
            if len(picture.positives) != classes:
                raise ValueError(f"matches of {len(picture.positives)} classes, not of {classes}")
        self._positives = np.array([p.positives for p in pictures], dtype=np.int64).reshape(-1, classes)
        self._scores = np.concatenate([np.zeros(0, np.float32), *[p.scores for p in pictures]])
        self._labels = np.concatenate([np.zeros(0, np.int16), *[p.labels for p in pictures]])
        self._hits = np.concatenate([np.zeros(0, np.uint16), *[p.hits for p in pictures]])
        self._ignored = np.concatenate([np.zeros(0, np.uint16), *[p.ignored for p in pictures]])
        self._owner = np.repeat(np.arange(len(pictures)), [len(p) for p in pictures])

    def per_class(
        self, counts: npt.NDArray[np.integer[Any]] | None = None, threshold: float | None = None
    ) -> npt.NDArray[np.float64]:
        """`[classes]` AP of each class; NaN if there are no objects."""
        times = self._times(counts)
        return _reduce(_table(*self._by_class, times, times @ self._positives, RECALLS), threshold)

    def mean(
        self, counts: npt.NDArray[np.integer[Any]] | None = None, threshold: float | None = None
    ) -> float:
        """COCO's mAP: the mean over the classes with objects; NaN if there is none."""
        known = self.per_class(counts, threshold)
        known = known[~np.isnan(known)]
        return float(known.mean()) if len(known) else float("nan")

    def pooled(
        self, counts: npt.NDArray[np.integer[Any]] | None = None, threshold: float | None = None
    ) -> float:
        """AP of all classes' detections in one list; NaN if there are no objects."""
        times = self._times(counts)
        positives = (times @ self._positives).sum(keepdims=True)
        return float(_reduce(_table(*self._in_one, times, positives, RECALLS), threshold)[0])

    def weighted(
        self, counts: npt.NDArray[np.integer[Any]] | None = None, threshold: float | None = None
    ) -> float:
        """Weighted AP: the AP of the classes, weighted by their number of objects; NaN if there are no objects.

        The "wAP" of Fischer et al. on Cityscapes: `sum_c n_c AP_c / sum_c n_c`, with n_c the number of objects of
        class c (crowds are not counted). Most objects of Cityscapes are cars and persons; in the plain mean, classes
        with few objects, whose AP is uncertain, have the same weight as these.

        AP_c is COCO's AP here. The AP of Cityscapes' own evaluation (evalInstanceLevelSemanticLabeling.py, masks only)
        differs: IoU must be above the threshold; every detection above it matches the object, and all but
        the best of them are errors; detections are not limited to 100; objects below 100 samples are left out, and
        errors are ignored by the share of the detection on these, on groups and on void (COCO: on groups
        alone); the precision-recall curve is summed step by step, without interpolation.
        """
        wanted = self._times(counts) @ self._positives
        if wanted.sum() == 0:
            return float("nan")
        known = wanted > 0
        return float(np.average(self.per_class(counts, threshold)[known], weights=wanted[known]))

    def resampled(self, draws: npt.NDArray[np.integer[Any]]) -> Resampled:
        """`mean`, `mean` at 0.5 and `weighted` for many samples in one pass.

        Args:
            draws: `[n, pictures]` how often each picture is in each sample.
        """
        positives = draws @ self._positives
        tables = _tables(*self._by_class, np.asarray(draws, dtype=np.int64), positives, RECALLS)
        known = positives > 0
        over = np.where(known[:, :, None], tables, 0.0)
        with np.errstate(invalid="ignore"):
            means = over.sum(axis=1) / known.sum(axis=1)[:, None]
            weighted = (over.mean(axis=2) * positives).sum(axis=1) / positives.sum(axis=1)
        return Resampled(means.mean(axis=1), means[:, 0], weighted)

    def resampled_pooled(self, draws: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        """`pooled` for many samples.

        Args:
            draws: `[n, pictures]` how often each picture is in each sample.
        """
        positives = (draws @ self._positives).sum(axis=1, keepdims=True)
        tables = _tables(*self._in_one, np.asarray(draws, dtype=np.int64), positives, RECALLS)
        return np.asarray(tables[:, 0].mean(axis=1))

    def _times(self, counts: npt.NDArray[np.integer[Any]] | None) -> npt.NDArray[np.int64]:
        pictures = len(self._positives)
        if counts is None:
            return np.ones(pictures, dtype=np.int64)
        if len(counts) != pictures:
            raise ValueError(f"{len(counts)} counts for {pictures} pictures")
        return np.asarray(counts, dtype=np.int64)

    @functools.cached_property
    def _by_class(self) -> _List:
        order = np.lexsort((-self._scores, self._labels))
        groups = np.arange(self._positives.shape[1] + 1)
        return self._list(order, np.searchsorted(self._labels[order], groups))

    @functools.cached_property
    def _in_one(self) -> _List:
        return self._list(
            np.argsort(-self._scores, kind="stable"), np.array([0, len(self._scores)], dtype=np.int64)
        )

    def _list(self, order: npt.NDArray[np.intp], starts: npt.NDArray[np.int64]) -> _List:
        owner, scores = self._owner[order].astype(np.int32), self._scores[order]
        hits, ignored = self._hits[order], self._ignored[order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = (owner[1:] != owner[:-1]) | (scores[1:] != scores[:-1])
        first[starts[starts < len(order)]] = True
        begins = np.flatnonzero(first)
        ends = np.append(begins[1:], len(order))[: len(begins)]
        counts = np.concatenate([[0], np.cumsum((hits | ignored) != 0)])
        event = counts[ends] > counts[begins]
        begins, ends = begins[event], ends[event]
        return _List(starts, np.searchsorted(begins, starts), begins, ends, owner, hits, ignored)


def _reduce(table: npt.NDArray[np.float64], threshold: float | None) -> npt.NDArray[np.float64]:
    """Mean over the thresholds, or the column of one of them."""
    if threshold is None:
        return np.asarray(table.mean(axis=1))
    at = np.flatnonzero(np.isclose(IOU_THRESHOLDS, threshold, rtol=0, atol=1e-9))
    if len(at) == 0:
        raise ValueError(f"IoU threshold {threshold} is not one of 0.50, 0.55 ... 0.95")
    return np.asarray(table[:, at[0]])


@numba.njit(cache=True, nogil=True)
def _table(
    starts: npt.NDArray[np.int64],
    events: npt.NDArray[np.int64],
    begins: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    owner: npt.NDArray[np.int32],
    hits: npt.NDArray[np.uint16],
    ignored: npt.NDArray[np.uint16],
    times: npt.NDArray[np.int64],
    positives: npt.NDArray[np.int64],
    recalls: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """`[groups, 10]` interpolated precision of each group at each IoU threshold; NaN without positives."""
    groups, thresholds = len(starts) - 1, 10
    result = np.full((groups, thresholds), np.nan)
    best = np.zeros((thresholds, len(recalls)))
    found = np.empty(thresholds, np.int64)
    left_out = np.empty(thresholds, np.int64)
    reached = np.empty(thresholds, np.int64)
    for group in range(groups):
        if positives[group] == 0:
            continue
        found[:], left_out[:], reached[:] = 0, 0, 0
        total, at = 0, starts[group]
        for e in range(events[group], events[group + 1]):
            begin, end = begins[e], ends[e]
            for d in range(at, begin):
                total += times[owner[d]]
            at = end
            # Equal scores of a picture that is in the sample k times are in the order a b a b, not a a b b.
            rounds, weight = 1, times[owner[begin]]
            if end - begin > 1:
                rounds, weight = weight, 1
            if weight == 0:
                continue
            for _ in range(rounds):
                for d in range(begin, end):
                    total += weight
                    if hits[d] == 0 and ignored[d] == 0:
                        continue
                    for t in range(thresholds):
                        if ignored[d] >> t & 1:
                            left_out[t] += weight
                        elif hits[d] >> t & 1:
                            # Only a hit can be a peak of precision: a miss lowers it and does not change the recall.
                            found[t] += weight
                            c = reached[t]
                            while c < len(recalls) and found[t] / positives[group] >= recalls[c]:
                                c += 1
                            reached[t] = c
                            best[t, c - 1] = max(best[t, c - 1], found[t] / (total - left_out[t]))
        for t in range(thresholds):
            peak = area = 0.0
            for c in range(reached[t] - 1, -1, -1):
                peak = max(peak, best[t, c])
                area += peak
                best[t, c] = 0.0
            result[group, t] = area / len(recalls)
    return result


@numba.njit(cache=True, nogil=True)
def _tables(
    starts: npt.NDArray[np.int64],
    events: npt.NDArray[np.int64],
    begins: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    owner: npt.NDArray[np.int32],
    hits: npt.NDArray[np.uint16],
    ignored: npt.NDArray[np.uint16],
    draws: npt.NDArray[np.int64],
    positives: npt.NDArray[np.int64],
    recalls: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """`_table` for every draw."""
    result = np.empty((len(draws), len(starts) - 1, 10))
    for n in range(len(draws)):
        result[n] = _table(
            starts, events, begins, ends, owner, hits, ignored, draws[n], positives[n], recalls
        )
    return result
