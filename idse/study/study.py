"""Figures from a sweep's results: curves over a data set, BD-rates with bootstrap intervals, times, matched costs.

How a point is pooled: its rate is the bits of all items per luma sample at the original size; its quality is
the mean over items of their quality in dB (PSNR, MS-SSIM, feature distance), or the AP of all items' detections
together. A codec with several scales is represented by the Pareto front of its points. The bootstrap draws items with
replacement, the same ones for every codec, and pools them again.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from idse.engines import engine_class
from idse.errors import IdseError
from idse.hashing import settings_hash
from idse.metrics.average_precision import PrecisionCurves
from idse.metrics.bd_batch import bd_rates_of_curves
from idse.metrics.bd_rate import BdRate, bd_rate
from idse.metrics.bootstrap import half_interval, resamples
from idse.metrics.pareto import MatchedCost, matched_cost, pareto_front
from idse.study.gallery import Gallery
from idse.study.grid import Array, Observed, read_grids
from idse.study.measures import FIDELITY, PLANES, Measure, detector_measures
from idse.sweeps.store import Store

Method = Literal["pchip", "akima"]


@dataclass(frozen=True)
class Point:
    """A point of a curve: bits per luma sample at the original size, and quality."""

    qp: float
    scale: int
    bpp: float
    quality: float


@dataclass(frozen=True)
class Codec:
    """A measured codec, which is a row of the tables, with everything that is needed to measure it again."""

    name: str
    engine: str
    version: str
    settings: dict[str, Any]
    importance: dict[str, Any] | None
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """A BD-rate with the half width of its 95 % bootstrap interval, if there is one."""

    value: BdRate
    half: float | None

    @property
    def wins(self) -> bool | None:
        """Whether the saving is greater than the interval; None if that is unknown."""
        if self.value.percent is None or self.half is None:
            return None
        return self.value.percent + self.half < 0

    def __str__(self) -> str:
        if self.value.percent is None:
            return "n/a"
        return f"{self.value.percent:+.1f}" + ("" if self.half is None else f" ±{self.half:.1f}")


@dataclass(frozen=True)
class Times:
    """CPU seconds over the compared cells (NaN: unknown), and their megapixels."""

    encode_cpu: float
    decode_cpu: float
    map_cpu: float
    megapixels: float


class Study:
    """A sweep's results.

    Args:
        store: The store of results. It must stay open as long as pictures are read.
        name: The sweep's name; None: the sweep that was written last.
        draws: The number of resamples of the bootstrap.
        seed: The seed of the bootstrap.

    Raises:
        IdseError: There is no such sweep, or it has nothing that can be compared.
    """

    def __init__(self, store: Store, name: str | None = None, draws: int = 200, seed: int = 0) -> None:
        known = store.sweeps()
        if not known:
            raise IdseError(f"{store.path}: no sweep in this store yet: run idse sweep")
        sweep = store.sweep(name or known[0])
        grids, counted, self.missing = read_grids(store, sweep)
        if not grids:
            raise IdseError(
                f"{store.path}: sweep '{sweep.name}' has no complete picture yet: continue it with idse sweep"
            )
        self.name, self.dataset = sweep.name, sweep.about["dataset"]
        self.items = [sweep.items[i][0] for i in counted]
        self._truths = [sweep.items[i][3] for i in counted]
        self.codecs = [_codec(*sweep.codecs[c]) for c in grids]
        self._grids = {sweep.codecs[c][0]: grid for c, grid in grids.items()}
        self.detectors = [d for d, _, _ in sweep.detectors]
        self._classes = {d: tuple(about["classes"]) for d, _, about in sweep.detectors}
        self._observed = {d: Observed.read(store, sweep, h) for d, h, _ in sweep.detectors}
        self.provenance = sweep.about | {"plan": sweep.plan, "store": str(store.path)}
        self.measures = self._measures()
        self.gallery = Gallery(store, sweep, counted, self._grids)
        self._draws = resamples(len(counted), draws if len(counted) > 1 else 0, seed)
        self._pooled = functools.cache(self._pool)
        self._values = functools.cache(self._values_of)
        self._finite = functools.cache(self._items_of)
        self._resampled = functools.cache(self._resample)
        self._draw_precision = functools.cache(self._precision_of_draws)
        self._class_precision = functools.cache(self._precision_of_classes)
        self._figures = functools.cache(self._figure)

    @classmethod
    def load(cls, path: Path, name: str | None = None, draws: int = 200, seed: int = 0) -> Study:
        """A sweep from the file of a store."""
        return cls(Store(path, create=False), name, draws, seed)

    def codec(self, name: str) -> Codec:
        """The codec of that name.

        Raises:
            IdseError: There is none.
        """
        for codec in self.codecs:
            if codec.name == name:
                return codec
        raise IdseError(f"no codec '{name}' here: choose one of {', '.join(c.name for c in self.codecs)}")

    def points(self, codec: str, measure: str) -> list[Point]:
        """The points of a codec, one for every scale and QP."""
        grid, finite = self._grids[codec], self._finite(measure)
        bpp = 8 * grid.bytes[:, finite].sum(axis=1) / grid.samples[finite].sum()
        return [
            Point(qp, scale, float(b), float(q))
            for (scale, qp), b, q in zip(grid.settings, bpp, self._values(codec, measure), strict=True)
        ]

    def curve(self, codec: str, measure: str) -> list[Point]:
        """The points of a curve by rising rate; only the Pareto front if the codec has several scales."""
        points = self.points(codec, measure)
        if self.scales(codec) > 1:
            front = pareto_front([p.bpp for p in points], [p.quality for p in points])
            return [points[i] for i in front]
        return sorted(points, key=lambda p: p.bpp)

    def scales(self, codec: str) -> int:
        """The number of sizes that a codec codes at."""
        return len({scale for scale, _ in self._grids[codec].settings})

    def keys(self, codec: str) -> list[list[str]]:
        """The store's keys for every point (in the order of `points`) and item."""
        return self._grids[codec].keys

    def uncompressed(self, measure: str) -> float | None:
        """The quality of the uncompressed items, for measures against annotations."""
        return self.gallery.uncompressed(measure)

    def figure(self, anchor: str, test: str, measure: str, method: Method = "pchip") -> Figure:
        """BD-rate of `test` against `anchor` with its bootstrap interval; measures of single classes have none."""
        return self._figures(anchor, test, measure, method)

    def _figure(self, anchor: str, test: str, measure: str, method: Method) -> Figure:
        value = self._bd(*self._curve(anchor, measure), *self._curve(test, measure), method)
        if value.percent is None or len(self._draws) == 0 or measure.startswith("class_"):
            return Figure(value, None)
        curves_a, curves_t = self._resampled(anchor, measure), self._resampled(test, measure)
        if method == "pchip":
            return Figure(value, half_interval(bd_rates_of_curves(curves_a, curves_t).tolist()))
        found = [self._bd(*a, *t, method).percent for a, t in zip(curves_a, curves_t, strict=True)]
        return Figure(value, half_interval(found))

    @staticmethod
    def _bd(ra: Array, qa: Array, rt: Array, qt: Array, method: Method) -> BdRate:
        return bd_rate(ra.tolist(), qa.tolist(), rt.tolist(), qt.tolist(), method=method)

    def _curve(self, codec: str, measure: str) -> tuple[Array, Array]:
        points = self.curve(codec, measure)
        return np.array([p.bpp for p in points]), np.array([p.quality for p in points])

    def _fronts(self, codec: str, rates: Array, qualities: Array) -> list[tuple[Array, Array]]:
        """The points that form the curve of each row."""
        if self.scales(codec) == 1:
            return list(zip(rates, qualities, strict=True))
        fronts = [pareto_front(r, q) for r, q in zip(rates.tolist(), qualities.tolist(), strict=True)]
        return [(r[f], q[f]) for r, q, f in zip(rates, qualities, fronts, strict=True)]

    def per_picture(self, anchor: str, test: str, measure: str) -> tuple[float, int]:
        """Mean of the items' own BD-rates, and how many have one (NaN over none); not of average precision."""
        a, t = self._per_item(anchor, measure), self._per_item(test, measure)
        if a is None or t is None:
            return float("nan"), 0
        found = bd_rates_of_curves(
            self._fronts(anchor, self._grids[anchor].bytes.T, a.T),
            self._fronts(test, self._grids[test].bytes.T, t.T),
        )
        known = found[np.isfinite(found)]
        return (float(known.mean()) if len(known) else float("nan")), len(known)

    def matched_cost(self, anchor: str, tests: Sequence[str], gain: str, cost: str, at: float) -> MatchedCost:
        """The BD-rate on measure `gain` that codecs along a path have where that on `cost` is `at` per cent.

        A path is, for instance, one codec with several values of tau or gamma.

        Raises:
            IdseError: A codec or measure that is not there.
        """
        pairs = []
        for test in tests:
            c, g = (self.figure(anchor, test, m).value.percent for m in (cost, gain))
            if c is not None and g is not None:
                pairs.append((c, g))
        return matched_cost([c for c, _ in pairs], [g for _, g in pairs], at)

    def times(self, codec: str) -> Times:
        """CPU seconds of encoding, decoding and making maps, over all counted cells."""
        grid = self._grids[codec]
        # A map is used for several points and rows, but coding one picture once needs it once.
        which = self.codec(codec).provenance.get("map_identity")
        alike = [c.name for c in self.codecs if c.provenance.get("map_identity") == which]
        made = np.concatenate([self._grids[name].map_cpu.ravel() for name in alike])
        made = made[np.isfinite(made)]
        per_map = float(made.mean()) if made.size else float("nan")
        return Times(
            float(grid.encode_cpu.sum()),
            float(grid.decode_cpu.sum()),
            per_map * grid.encode_cpu.size,
            float(grid.samples.sum()) * len(grid.settings) / 1e6,
        )

    def time_percent(self, anchor: str, test: str) -> tuple[float, float]:
        """EncT and DecT as the JCT-VC gives them: 100 times the test's CPU time over the anchor's, per megapixel.

        Only common points are used: those of the same size and QP if both have the same engine, otherwise those of the
        same size. NaN if there are none.
        """
        a, t = self._grids[anchor], self._grids[test]
        same_scale = self.codec(anchor).engine == self.codec(test).engine

        def alike(point: tuple[int, int]) -> tuple[int, ...]:
            return point if same_scale else point[:1]

        both = {alike(p) for p in a.settings} & {alike(p) for p in t.settings}
        if not both:
            return float("nan"), float("nan")
        spent = []
        for grid in (a, t):
            rows = [i for i, p in enumerate(grid.settings) if alike(p) in both]
            spent.append((grid.encode_cpu[rows].mean(axis=0).sum(), grid.decode_cpu[rows].mean(axis=0).sum()))
        with np.errstate(all="ignore"):
            enc, dec = (float(100 * np.float64(n) / d) for n, d in zip(spent[1], spent[0], strict=True))
        return enc, dec

    def verified(self, codec: str) -> str:
        """Which decoder gave every sample of every stream: "foreign", "its own" (no other plays them), or "none"."""
        if not self._grids[codec].verified:
            return "none"
        return "its own" if engine_class(self.codec(codec).engine).has_own_decoder() else "foreign"

    def _measures(self) -> list[Measure]:
        measures = [m for m in FIDELITY if self._has(m)]
        names = tuple(self.dataset["classes"])
        for detector, observed in self._observed.items():
            there: tuple[str, ...] = ()
            if "box" in observed.matches:
                sample = next(iter(self._grids.values())).keys[0]
                wanted = np.sum([m.positives for m in observed.unpacked("box", sample, self._truths)], axis=0)
                there = tuple(c for c, n in zip(names, wanted, strict=True) if n)
            measures += detector_measures(
                detector,
                there,
                boxes="box" in observed.matches,
                masks="mask" in observed.matches,
                weighted=self.dataset["kind"] == "cityscapes",
            )
        return measures

    def left_out(self, measure: str) -> list[str]:
        """Items that a measure leaves out because a codec codes them without loss (the chroma of grey pictures)."""
        return [name for name, counts in zip(self.items, self._finite(measure), strict=True) if not counts]

    def _items_of(self, measure: str) -> npt.NDArray[np.bool_]:
        """The items that have a finite value at every point of every codec; all items if there are none."""
        finite = np.ones(len(self.items), dtype=bool)
        for codec in self._grids:
            values = self._per_item(codec, measure)
            if values is not None:
                finite &= np.isfinite(values).all(axis=0)
        return finite if finite.any() else np.ones(len(self.items), dtype=bool)

    def _has(self, measure: Measure) -> bool:
        values = [self._per_item(codec, measure.key) for codec in self._grids]
        return all(v is not None and not np.isnan(v).any() for v in values)

    def _per_item(self, codec: str, measure: str) -> Array | None:
        """`[points, items]` of a measure that is a mean over items; None for the others."""
        grid = self._grids[codec]
        if measure in PLANES:
            return grid.psnr[PLANES[measure]] if PLANES[measure] < len(grid.psnr) else None
        if measure == "psnr_611":
            return (6 * grid.psnr[0] + grid.psnr[1] + grid.psnr[2]) / 8 if len(grid.psnr) == 3 else None
        if measure == "ms_ssim":
            return grid.ms_ssim
        if measure.startswith("features:"):
            features = self._observed[measure.split(":")[1]].features
            return np.array(
                [[features[k, t] for k, t in zip(row, self._truths, strict=True)] for row in grid.keys]
            )
        return None

    def _values_of(self, codec: str, measure: str) -> Array:
        values = self._per_item(codec, measure)
        if values is not None:
            return np.asarray(values[:, self._finite(measure)].mean(axis=1))
        if measure.startswith("class_"):
            kind, detector, name = measure.split(":", 2)
            at = self.dataset["classes"].index(name)
            return self._class_precision(codec, detector, kind.removeprefix("class_"))[:, at]
        return np.array([self._precision(curves, measure) for curves in self._curves(codec, measure)])

    def _curves(self, codec: str, measure: str) -> list[PrecisionCurves]:
        kind, detector = measure.split(":")[:2]
        return self._pooled(codec, detector, "pseudo" if kind == "pseudo_ap" else kind.split("_")[1])

    def _pool(self, codec: str, detector: str, kind: str) -> list[PrecisionCurves]:
        classes = self._classes[detector] if kind == "pseudo" else self.dataset["classes"]
        observed = self._observed[detector]
        return [
            PrecisionCurves(observed.unpacked(kind, row, self._truths), len(classes))
            for row in self._grids[codec].keys
        ]

    def _precision_of_classes(self, codec: str, detector: str, kind: str) -> Array:
        """`[points, classes]`, computed together, because each class alone takes as long as all of them."""
        return np.array([curves.per_class() for curves in self._pooled(codec, detector, kind)])

    @staticmethod
    def _precision(curves: PrecisionCurves, measure: str) -> float:
        match measure.split("_")[0]:
            case "pseudo":
                return curves.pooled()
            case "map":
                return curves.mean()
            case "ap50":
                return curves.mean(threshold=0.5)
            case _:  # "wap"
                return curves.weighted()

    def _resample(self, codec: str, measure: str) -> list[tuple[Array, Array]]:
        """The curves of the resampled data sets."""
        return self._fronts(codec, *self._resampled_points(codec, measure))

    def _resampled_points(self, codec: str, measure: str) -> tuple[Array, Array]:
        """`[draws, points]` rate and quality."""
        grid, finite = self._grids[codec], self._finite(measure)
        draws = self._draws[:, finite]
        with np.errstate(invalid="ignore"):  # a draw that has only left-out items has no value
            rate = 8 * (draws @ grid.bytes[:, finite].T) / (draws @ grid.samples[finite])[:, None]
            values = self._per_item(codec, measure)
            if values is not None:
                return rate, draws @ values[:, finite].T / draws.sum(axis=1, keepdims=True)
        kind, detector = measure.split(":")[:2]
        if kind == "pseudo_ap":
            return rate, np.stack([c.resampled_pooled(draws) for c in self._curves(codec, measure)], axis=1)
        figure, truth = kind.split("_")
        return rate, self._draw_precision(codec, detector, truth)[{"map": 0, "ap50": 1, "wap": 2}[figure]]

    def _precision_of_draws(self, codec: str, detector: str, kind: str) -> Array:
        """`[3, draws, points]` mAP, AP50 and weighted AP of the resampled data sets."""
        return np.stack([c.resampled(self._draws) for c in self._pooled(codec, detector, kind)], axis=-1)


def _codec(name: str, description: dict[str, Any]) -> Codec:
    identity = description["identity"]
    importance = description["importance"]
    return Codec(
        name,
        description["engine"],
        str(identity.get("version", "")),
        {**description["options"], **description["settings"]},
        None if importance["method"] == "none" and "profile" not in importance else importance,
        description | {"settings_hash": settings_hash(description)},
    )
