"""A sweep's cells as arrays: for each codec its scales and QPs, and the items that are compared."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from idse.metrics.matching import Matches
from idse.metrics.psnr import psnr_from_sse
from idse.sweeps.store import Store, Sweep, stored_json

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """One codec's results.

    Attributes:
        settings: The scale and QP of every row.
        keys: `[settings][items]` keys of the results.
        bytes: `[settings, items]` sizes of streams.
        samples: `[items]` luma samples of the original in all frames.
        psnr: `[planes, settings, items]` dB; infinite if a plane is lossless, NaN if an item lacks it.
        ms_ssim: `[settings, items]` in dB; NaN if a picture is too small.
        encode_cpu: `[settings, items]` CPU seconds, as the next two; NaN if unknown.
        decode_cpu: CPU seconds of the independent decoder.
        map_cpu: CPU seconds of making the map; NaN if it was made for another row before.
        verified: Whether an independent decoder confirmed all streams.
    """

    settings: list[tuple[int, int]]
    keys: list[list[str]]
    bytes: Array
    samples: Array
    psnr: Array
    ms_ssim: Array
    encode_cpu: Array
    decode_cpu: Array
    map_cpu: Array
    verified: bool


def read_grids(store: Store, sweep: Sweep) -> tuple[dict[int, Grid], list[int], dict[str, str]]:
    """Grids by the codec's position, positions of the items that are compared, and by codec a note on missing cells.

    An item is compared if every codec has all of its cells. A codec without any complete item is left out.
    """
    cells: dict[int, dict[tuple[int, int], dict[int, tuple[str, dict[str, Any]]]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    wanted, lacking = defaultdict[int, int](int), defaultdict[int, int](int)
    incomplete: dict[int, set[int]] = defaultdict(set)
    rows = store.cells(sweep)
    unseen = _unseen(
        store, sweep, [(key, sweep.items[item][3]) for _, item, _, _, key, figures in rows if figures]
    )
    for codec, item, scale, qp, key, figures in rows:
        wanted[codec] += 1
        if figures is None or (key, sweep.items[item][3]) in unseen:
            lacking[codec] += 1
            incomplete[codec].add(item)
        else:
            cells[codec][scale, qp][item] = key, stored_json(figures)
    everything = set(range(len(sweep.items)))
    present = [c for c in range(len(sweep.codecs)) if cells[c] and incomplete[c] != everything]
    counted = sorted(everything - set().union(*[incomplete[c] for c in present])) if present else []
    missing = {sweep.codecs[c][0]: f"{n} of {wanted[c]} cells are missing" for c, n in lacking.items() if n}
    return {c: _grid(cells[c], counted) for c in present} if counted else {}, counted, missing


def _unseen(store: Store, sweep: Sweep, cells: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """The cells (key, truth hash) that lack an observation of a detector of the sweep."""
    unseen: set[tuple[str, str]] = set()
    for _, detector, _ in sweep.detectors:
        seen = {(row[0], row[1]) for row in store.observations(sweep, detector)}
        unseen |= set(cells) - seen
    return unseen


def _grid(cells: dict[tuple[int, int], dict[int, tuple[str, dict[str, Any]]]], items: Sequence[int]) -> Grid:
    settings = sorted(cells, key=lambda p: (-p[0], p[1]))
    rows = [[cells[p][i] for i in items] for p in settings]
    figures = [[f for _, f in row] for row in rows]

    def of(name: str) -> Array:
        return np.array(
            [[math.nan if f[name] is None else float(f[name]) for f in row] for row in figures],
            dtype=np.float64,
        )

    similar = of("ms_ssim")
    with np.errstate(divide="ignore"):
        similar_db = -10 * np.log10(1 - similar)
    planes = max(len(f["sse"]) for row in figures for f in row)
    return Grid(
        settings=settings,
        keys=[[k for k, _ in row] for row in rows],
        bytes=of("bytes"),
        samples=of("luma_samples")[0],
        psnr=np.array(
            [
                [
                    [
                        psnr_from_sse(f["sse"][p], f["samples"][p]) if p < len(f["sse"]) else math.nan
                        for f in row
                    ]
                    for row in figures
                ]
                for p in range(planes)
            ]
        ),
        ms_ssim=similar_db,
        encode_cpu=of("encode_cpu"),
        decode_cpu=of("decode_cpu"),
        map_cpu=of("map_cpu"),
        verified=all(f["verified"] for row in figures for f in row),
    )


@dataclass
class Observed:
    """The observations of one detector by (key, truth): feature distances in dB, and packed matches."""

    features: dict[tuple[str, str], float]
    matches: dict[str, dict[tuple[str, str], bytes]]

    @classmethod
    def read(cls, store: Store, sweep: Sweep, detector: str) -> Observed:
        """The observations of a detector in a sweep."""
        features: dict[tuple[str, str], float] = {}
        matches: dict[str, dict[tuple[str, str], bytes]] = {"pseudo": {}, "box": {}, "mask": {}}
        for key, truth, sse, elements, pseudo, boxes, masks in store.observations(sweep, detector):
            if sse is not None and elements:
                features[key, truth] = math.inf if sse == 0 else -10 * math.log10(sse / elements)
            for kind, data in (("pseudo", pseudo), ("box", boxes), ("mask", masks)):
                if data is not None:
                    matches[kind][key, truth] = data
        return cls(features, {kind: found for kind, found in matches.items() if found})

    def unpacked(self, kind: str, keys: Sequence[str], truths: Sequence[str]) -> list[Matches]:
        """The matches of some results."""
        return [Matches.unpack(self.matches[kind][k, t]) for k, t in zip(keys, truths, strict=True)]
