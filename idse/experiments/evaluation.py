"""From measurements to figures: BD-rates of pooled curves against an anchor, and their bootstrap.

How a BD-rate is pooled: a configuration's curve has one point a QP; its rate is the sum of the pictures'
bytes, its quality the mean over pictures of their quality in dB (PSNR, feature distance) or the AP of all
pictures' detections together. A picture's own curve of feature distance need not be monotone; the pooled one
is. The bootstrap draws pictures with replacement, the same ones for every configuration, and pools anew.
`per_picture` gives the mean of the pictures' own BD-rates beside it, over those that have one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from idse.experiments.measurement import Measurement
from idse.metrics.average_precision import PrecisionCurves
from idse.metrics.bd_rate import BdRate, bd_rate
from idse.metrics.bootstrap import half_interval, resamples
from idse.metrics.detection import Detections, Truth, pseudo_truth
from idse.metrics.matching import match

Curve = tuple[list[float], list[float]]

SHORT = {"yolox_nano": "YX", "nanodet_m": "ND"}
"""Detectors in the names of measures: fYX is the feature distance on YOLOX-nano, pND pooled AP on NanoDet."""


@dataclass(frozen=True)
class Figure:
    """A BD-rate with the half width of its 95 % bootstrap interval, where there is one."""

    value: BdRate
    half: float | None

    @property
    def wins(self) -> bool | None:
        """Whether bytes are saved by more than the interval; None where that cannot be told."""
        if self.value.percent is None or self.half is None:
            return None
        return self.value.percent + self.half < 0

    def __str__(self) -> str:
        if self.value.percent is None:
            return "n/a"
        return f"{self.value.percent:+.1f}" + ("" if self.half is None else f" ±{self.half:.1f}")


class Evaluation:
    """Curves of several configurations over the same pictures and QPs.

    Args:
        qps: The QPs of every curve.
        pictures: Names.
        measurements: By configuration, then by (picture, QP): complete.
        truths: Each picture's detections on its uncompressed form, by detector. Empty: no measures of detections.
        draws: Resamples of the bootstrap.
        seed: Of the bootstrap.
        chroma: Measure PSNR of Cb and Cr too.
    """

    def __init__(
        self,
        qps: Sequence[int],
        pictures: Sequence[str],
        measurements: Mapping[str, Mapping[tuple[str, int], Measurement]],
        truths: Mapping[str, Mapping[str, Detections]],
        draws: int = 200,
        seed: int = 0,
        chroma: bool = False,
    ) -> None:
        self.qps = list(qps)
        self.pictures = list(pictures)
        self._judged = list(next(iter(truths.values()))) if truths else []
        self.detectors = self._judged or list(next(iter(next(iter(measurements.values())).values())).features)
        self._planes = {"PSNR": 0} | ({"PSNR U": 1, "PSNR V": 2} if chroma else {})
        self.measures = [
            *[f"f{SHORT.get(d, d)}" for d in self.detectors],
            *[f"p{SHORT.get(d, d)}" for d in self._judged],
            *self._planes,
        ]
        self._draws = resamples(len(self.pictures), draws, seed)
        self._cpu: dict[str, float] = {}
        self._bytes: dict[str, npt.NDArray[np.float64]] = {}
        self._quality: dict[tuple[str, str], npt.NDArray[np.float64]] = {}
        self._pooled: dict[tuple[str, str], list[PrecisionCurves]] = {}
        wanted = {p: {d: pseudo_truth(f) for d, f in found.items()} for p, found in truths.items()}
        for name, cells in measurements.items():
            self._add(name, cells, wanted)
        self._resampled = functools.cache(self._resampled_curves)
        self.figure = functools.cache(self._figure)

    def _add(
        self,
        name: str,
        cells: Mapping[tuple[str, int], Measurement],
        wanted: Mapping[str, Mapping[str, Truth]],
    ) -> None:
        grid = [[cells[p, q] for p in self.pictures] for q in self.qps]
        self._bytes[name] = np.array([[m.size for m in row] for row in grid], dtype=np.float64)
        self._cpu[name] = sum(m.encode_cpu for row in grid for m in row)
        for measure, plane in self._planes.items():
            self._quality[name, measure] = np.array([[m.psnr(plane) for m in row] for row in grid])
        for detector in self.detectors:
            short = SHORT.get(detector, detector)
            self._quality[name, f"f{short}"] = np.array(
                [[m.features[detector].distance_db for m in row] for row in grid]
            )
        for detector in self._judged:
            short = SHORT.get(detector, detector)
            found = [m.detections[detector].labels for row in grid for m in row]
            classes = 1 + max(
                int(labels.max(initial=0))
                for labels in [*found, *(w[detector].labels for w in wanted.values())]
            )
            self._pooled[name, f"p{short}"] = [
                PrecisionCurves(
                    [
                        match(m.detections[detector], wanted[p][detector], classes)
                        for p, m in zip(self.pictures, row, strict=True)
                    ],
                    classes,
                )
                for row in grid
            ]

    def curve(self, name: str, measure: str, counts: npt.NDArray[np.integer] | None = None) -> Curve:
        """Rate (bytes of all pictures) and quality at every QP; `counts`: how often each picture is taken."""
        times = np.ones(len(self.pictures)) if counts is None else counts
        rate = self._bytes[name] @ times
        if (name, measure) in self._pooled:
            quality = [pool.pooled(counts) for pool in self._pooled[name, measure]]
        else:
            with np.errstate(invalid="ignore"):
                quality = list(self._quality[name, measure][:, times > 0] @ times[times > 0] / times.sum())
        return [float(v) for v in rate], [float(v) for v in quality]

    def _resampled_curves(self, name: str, measure: str) -> list[Curve]:
        return [self.curve(name, measure, counts) for counts in self._draws]

    def _figure(self, anchor: str, test: str, measure: str) -> Figure:
        """BD-rate of `test` against `anchor` with its bootstrap interval."""
        value = bd_rate(*self.curve(anchor, measure), *self.curve(test, measure))
        pairs = zip(self._resampled(anchor, measure), self._resampled(test, measure), strict=True)
        return Figure(value, half_interval([bd_rate(*a, *t).percent for a, t in pairs]))

    def per_picture(self, anchor: str, test: str, measure: str) -> tuple[float, int]:
        """Mean of the pictures' own BD-rates, and over how many it is (NaN over none)."""
        values = []
        for i in range(len(self.pictures)):
            only = np.zeros(len(self.pictures), dtype=np.int64)
            only[i] = 1
            found = bd_rate(*self.curve(anchor, measure, only), *self.curve(test, measure, only)).percent
            if found is not None:
                values.append(found)
        return (float(np.mean(values)) if values else float("nan")), len(values)

    def bytes_ratio(self, anchor: str, test: str) -> float:
        """Bytes of `test` over those of `anchor`, all pictures and QPs: how the operating point moved."""
        return float(self._bytes[test].sum() / self._bytes[anchor].sum())

    def cpu_ratio(self, anchor: str, test: str) -> float:
        """CPU seconds of `test`'s encodes over those of `anchor`, all pictures and QPs; NaN where none were counted."""
        return self._cpu[test] / self._cpu[anchor] if self._cpu[anchor] > 0 else float("nan")
