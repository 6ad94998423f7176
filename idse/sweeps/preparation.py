"""Prepares a sweep: the cells of its plan, their content hashes, and jobs for the cells that the store lacks."""

from __future__ import annotations

import importlib.metadata
import itertools
import platform
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import idse
from idse.datasets import Item
from idse.engines import Engine
from idse.errors import IdseError
from idse.hashing import settings_hash
from idse.sweeps.codec import PlanCodec
from idse.sweeps.identity import MEASURING, engine_identity, item_digests, result_key
from idse.sweeps.job import Job
from idse.sweeps.plan import Plan
from idse.sweeps.resources import Resources, detector_hash
from idse.sweeps.store import Store
from idse.sweeps.task_models import task_digests

_RECORDED_VERSIONS = (
    "numpy", "torch", "torchvision", "av", "pillow", "onnxruntime", "faster-coco-eval", "bjontegaard", "pytorch-msssim",
    "numba", "dask", "compressai",
)  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """A sweep that is ready to run.

    Attributes:
        plan: The plan.
        total: The number of its cells.
        jobs: The missing work, item by item, so that whole pictures can be compared after any part of it.
        kept: The number of cells that the store already has, from this sweep or another.
        notes: Remarks on the data set.
        items: The number of items.
        samples: Luma samples in all frames of the middle item, for estimates.
    """

    plan: Plan
    total: int
    jobs: list[Job]
    kept: int
    notes: tuple[str, ...]
    items: int
    samples: int


def prepare(plan: Plan, store: Store) -> Prepared:
    """Load what the plan names, write the sweep's cells to the store, and list the missing work.

    Raises:
        IdseError: Something that the plan names is missing or wrong, or an engine cannot code what it asks for.
    """
    resources = Resources(plan)
    dataset = resources.dataset
    items = list(dataset.items)
    digests = item_digests(store, items, dataset.identity)
    for i, codec in enumerate(plan.codecs):
        _check(codec, resources.engine(i))
    engines = [engine_identity(resources.engine(i)) for i in range(len(plan.codecs))]
    maps = [resources.maps.identity(codec.importance) for codec in plan.codecs]
    detectors = [resources.detector(i) for i in range(len(plan.detectors))]
    hashes = [detector_hash(d) for d in detectors]
    truths = [
        settings_hash({"data set": dataset.identity, "item": item.name, "pseudo": plan.pseudo_score}, 16)
        for item in items
    ]
    trained = {(c, qp): task_digests(codec, qp) for c, codec in enumerate(plan.codecs) for qp in codec.qps}
    keys = {
        (c, i, scale, qp): result_key(digests[i], codec, engines[c], maps[c], scale, qp, trained[c, qp])
        for c, codec in enumerate(plan.codecs)
        for i in range(len(items))
        for scale, qp in itertools.product(codec.scales, codec.qps)
    }
    store.put_sweep(
        plan.name,
        plan.text,
        _about(plan, resources),
        [
            (
                codec.name,
                codec.described()
                | {"identity": engines[c], "map_identity": maps[c], "qps": codec.qps, "scales": codec.scales},
            )
            for c, codec in enumerate(plan.codecs)
        ],
        [
            (item.name, str(item.path), digest, t)
            for item, digest, t in zip(items, digests, truths, strict=True)
        ],
        [
            (d.name, h, d.identity | {"classes": d.classes, "has_masks": d.has_masks})
            for d, h in zip(detectors, hashes, strict=True)
        ],
        [(*cell, key) for cell, key in keys.items()],
    )
    jobs = _missing(plan, store, keys, digests, truths, hashes, engines)
    lacking = {job.identity for job in jobs}
    kept = sum((key, truths[i]) not in lacking for (_, i, _, _), key in keys.items())
    return Prepared(plan, len(keys), jobs, kept, tuple(dataset.notes), len(items), _samples(items))


def _check(codec: PlanCodec, engine: Engine) -> None:
    """Raise an `IdseError` for what the engine cannot code, before other codecs are run for hours."""
    weighted = codec.importance.method != "none"
    tiles = weighted and codec.importance.tiles
    try:
        for qp in {min(codec.qps), max(codec.qps)}:
            engine.check(codec.encode_settings(qp), weighted=weighted, tiles=tiles)
    except IdseError as error:
        raise IdseError(f"codec '{codec.name}': {error}") from None


def _missing(
    plan: Plan,
    store: Store,
    keys: dict[tuple[int, int, int, int], str],
    digests: list[str],
    truths: list[str],
    hashes: list[str],
    engines: list[dict[str, Any]],
) -> list[Job]:
    known = store.known_results(keys.values())
    by_truth: dict[str, list[str]] = defaultdict(list)
    for (_, i, _, _), key in keys.items():
        by_truth[truths[i]].append(key)
    seen = {
        (h, key)
        for h in hashes
        for truth, those in by_truth.items()
        for key in store.known_observations(h, truth, those)
    }

    def of(observers: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(hashes[n] for n in observers)

    jobs: list[Job] = []
    taken: set[tuple[str, str]] = set()
    for i, (digest, truth) in enumerate(zip(digests, truths, strict=True)):
        source = source_key(digest)
        lacking = tuple(n for n, h in enumerate(hashes) if not store.known_observations(h, truth, [source]))
        if lacking and (source, truth) not in taken:
            taken.add((source, truth))
            jobs.append(Job(source, None, i, digest, 100, 0, {}, lacking, of(lacking), truth))
        for c, codec in enumerate(plan.codecs):
            for scale, qp in itertools.product(codec.scales, codec.qps):
                key = keys[c, i, scale, qp]
                lacking = tuple(n for n, h in enumerate(hashes) if (h, key) not in seen)
                if (key in known and not lacking) or (key, truth) in taken:
                    continue
                taken.add((key, truth))
                stored = key in known and store.has_stream(key)
                if key in known and not stored:  # the stream was not kept: code again, and run all detectors
                    lacking = tuple(range(len(hashes)))
                jobs.append(
                    Job(key, c, i, digest, scale, qp, engines[c], lacking, of(lacking), truth, stored)
                )
    return jobs


def _samples(items: Sequence[Item]) -> int:
    return sum(f.width * f.height for f in items[len(items) // 2].read())


def source_key(digest: str) -> str:
    """The key of observations of the uncompressed item."""
    return f"source-{digest}"


def _about(plan: Plan, resources: Resources) -> dict[str, Any]:
    versions = {}
    for name in _RECORDED_VERSIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    dataset = resources.dataset
    return {
        "idse": idse.__version__,
        "python": platform.python_version(),
        "host": platform.node(),
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": versions,
        "seed": plan.seed,
        "pseudo_score": plan.pseudo_score,
        "measuring": MEASURING,
        "created": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        "folder": str(plan.folder.resolve()),
        "dataset": {
            "name": dataset.name,
            "kind": dataset.kind,
            "classes": dataset.classes,
            "has_masks": dataset.has_masks,
            "identity": dataset.identity,
            "items": len(dataset.items),
        },
    }
