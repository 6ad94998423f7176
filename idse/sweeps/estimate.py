"""Estimates how long a sweep takes, from cells in the store or, without them, from rough figures of the engines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from idse.sweeps.preparation import Prepared
from idse.sweeps.store import Store, stored_json

_ROUGH = {"native": 2.5, "vtm": 50.0, "x265": 4.0, "svtav1": 2.5, "x264": 1.0, "jpeg": 0.1}
"""CPU seconds per megapixel if nothing was measured yet: a rough figure for middle QPs on a processor of 2023."""
_ROUGH_OTHER = 5.0
_LOOK = 0.25
"""CPU seconds for decoding a picture and for running a detector on it."""


@dataclass(frozen=True)
class Row:
    """A codec's share of a sweep.

    Attributes:
        codec: Its name; "uncompressed" for running the detectors on the uncompressed pictures.
        cells: How many cells the plan has.
        missing: How many jobs are to be done.
        seconds: CPU seconds that the jobs probably take.
        measured: Whether the estimate is based on measured cells of this codec.
    """

    codec: str
    cells: int
    missing: int
    seconds: float
    measured: bool


def estimate(prepared: Prepared, store: Store) -> list[Row]:
    """An estimate for every codec of the plan."""
    plan = prepared.plan
    known = _known(store, plan.name)
    looks = _LOOK * len(plan.detectors)
    rows = []
    sources = [job for job in prepared.jobs if job.codec is None]
    if sources:
        rows.append(Row("uncompressed", len(sources), len(sources), looks * len(sources), False))
    for c, codec in enumerate(plan.codecs):
        jobs = [job for job in prepared.jobs if job.codec == c]
        per_point = known.get(c, {})
        rough = _ROUGH.get(codec.engine, _ROUGH_OTHER)
        seconds, coded = 0.0, set[str]()
        for job in jobs:
            share = job.scale**2 / 1e4 * prepared.samples / 1e6
            if not job.stored and job.key not in coded:  # only one of several identical pictures is coded
                coded.add(job.key)
                seconds += share * _per_megapixel(per_point, job.scale, job.qp, rough)
            seconds += looks
        rows.append(
            Row(
                codec.name,
                len(codec.qps) * len(codec.scales) * prepared.items,
                len(jobs),
                seconds,
                bool(per_point),
            )
        )
    return rows


def _per_megapixel(
    known: Mapping[tuple[int, int], Sequence[float]], scale: int, qp: int, rough: float
) -> float:
    """CPU seconds per megapixel at a scale and QP: the mean of measured cells there, or at the nearest known place."""
    if not known:
        return rough
    nearest = min(known, key=lambda p: (abs(p[1] - qp), abs(p[0] - scale)))
    return sum(known[nearest]) / len(known[nearest])


def _known(store: Store, sweep: str) -> dict[int, dict[tuple[int, int], list[float]]]:
    """CPU seconds per coded megapixel for encoding, map and decoding, by codec and (scale, QP)."""
    found: dict[int, dict[tuple[int, int], list[float]]] = defaultdict(lambda: defaultdict(list))
    for codec, _, scale, qp, _, text in store.cells(store.sweep(sweep)):
        if text is not None:
            figures = stored_json(text)
            spent = sum(figures[name] or 0.0 for name in ("encode_cpu", "decode_cpu", "map_cpu"))
            found[codec][scale, qp].append(spent / (figures["coded_samples"] / 1e6))
    return found
