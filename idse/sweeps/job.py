"""One job of a sweep: codes an item, decodes it, runs the detectors on the result and matches their detections."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import platform
import resource
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from idse.detectors import Observation
from idse.engines import EncodedStream, Engine
from idse.engines.verify import compare
from idse.errors import IdseError
from idse.media.frame import Frame, decoded_rgb
from idse.media.scaling import scaled
from idse.metrics.detection import align, pseudo_truth
from idse.metrics.features import feature_error
from idse.metrics.matching import match
from idse.metrics.ms_ssim import ms_ssim_planes
from idse.metrics.psnr import plane_sse
from idse.sweeps.codec import PlanCodec
from idse.sweeps.identity import engine_identity
from idse.sweeps.maps import map_file
from idse.sweeps.packing import join_matches, pack_detections
from idse.sweeps.plan import parse_plan
from idse.sweeps.resources import Resources, detector_hash
from idse.sweeps.store import StoredObservation


@dataclass(frozen=True)
class Job:
    """A piece of work: a missing cell, or an uncompressed item that the detectors have not seen yet.

    Attributes:
        key: The content hash of its result.
        codec: The codec's position in the plan; None: the uncompressed item.
        item: The item's position in the data set.
        digest: The hash of the item's samples.
        scale: The coded size in per cent.
        qp: The QP.
        engine: The engine's identity that the key was made with.
        observers: Positions of the detectors that have to be run.
        hashes: The hashes of these detectors.
        truth: The hash of the ground truth that detections are matched with.
        stored: Whether the store has the result with its stream, so that only observations are missing.
        stream: That stream; it is read from the store only when the job starts.
    """

    key: str
    codec: int | None
    item: int
    digest: str
    scale: int
    qp: int
    engine: dict[str, Any]
    observers: tuple[int, ...]
    hashes: tuple[str, ...]
    truth: str
    stored: bool = False
    stream: bytes | None = field(default=None, repr=False)

    @property
    def identity(self) -> tuple[str, str]:
        """Unique among the jobs of a sweep: identical pictures share a key, but each has its own truth."""
        return self.key, self.truth


@dataclass(frozen=True)
class Outcome:
    """The results of a job, as `Store.put` takes them."""

    figures: dict[str, Any] | None
    provenance: dict[str, Any] | None
    stream: bytes | None = field(repr=False)
    weight_map: tuple[str, bytes] | None = field(repr=False)
    observations: list[StoredObservation] = field(repr=False)
    seconds: float = 0.0


@dataclass(frozen=True)
class _Coded:
    figures: dict[str, Any]
    provenance: dict[str, Any]
    stream: bytes
    weight_map: tuple[str, bytes] | None


def do_job(job: Job, resources: Resources) -> Outcome:
    """Do a job.

    Raises:
        IdseError: The codec cannot code the item, or an independent decoder gives other samples.
    """
    began = time.perf_counter()
    if job.codec is None:
        seen = [
            _observed(resources, job, i, resources.source_observations(job.item, i)) for i in job.observers
        ]
        return Outcome(None, None, None, None, seen, time.perf_counter() - began)
    codec = resources.plan.codecs[job.codec]
    engine = resources.engine(job.codec)
    if engine_identity(engine) != job.engine:
        raise IdseError(
            f"the worker on {platform.node()} has another build of {engine.name} "
            f"({engine_identity(engine)}, wanted {job.engine}): install the same one everywhere"
        )
    source = resources.frames(job.item)
    coded = None
    if job.stream is None:
        coded, decoded = _code(resources, job, codec, engine, source)
    else:
        decoded = engine.decode(job.stream, resources.coded_frames(job.item, job.scale)[0])
    decoded = [scaled(f, s.width, s.height) for f, s in zip(decoded, source, strict=True)]
    figures = None if coded is None else coded.figures | _fidelity(source, decoded)
    depth = source[0].bit_depth
    rgb = []
    while (
        decoded and job.observers
    ):  # each frame is freed once it is RGB: this takes several times its memory
        rgb.append(resources.visible(job.item, decoded_rgb(decoded.pop(0), depth, as_float=True)))
    return Outcome(
        figures,
        None if coded is None else coded.provenance,
        coded.stream if coded is not None and resources.plan.keep_streams else None,
        None if coded is None else coded.weight_map,
        [
            _observed(resources, job, i, resources.observer(job.codec, i, job.qp).observe(rgb))
            for i in job.observers
        ],
        time.perf_counter() - began,
    )


def _code(
    resources: Resources, job: Job, codec: PlanCodec, engine: Engine, source: Sequence[Frame]
) -> tuple[_Coded, list[Frame]]:
    """Code an item. The decoded frames are returned separately, so that the caller can free them."""
    frames = resources.coded_frames(job.item, job.scale)
    settings = codec.encode_settings(job.qp)
    where = resources.maps.place(job.digest, job.scale, codec.importance, settings)
    kept = resources.maps.is_kept(where, codec.importance)
    resources.maps.load(codec.importance)
    began = _cpu()
    weights = resources.maps.make(where, frames, codec.importance, settings)
    map_cpu = None if kept else _cpu() - began
    began = _cpu()
    stream = engine.encode(frames, weights, settings)
    encode_cpu = _cpu() - began if stream.cpu_seconds is None else stream.cpu_seconds
    began = _cpu()
    refused = engine.verify_refusal
    decoded = stream.recon if refused else engine.decode(stream.data, frames[0])
    decode_cpu = None if refused else _cpu() - began
    if not refused:
        compare(decoded, stream.recon)
        stream = dataclasses.replace(stream, recon=[])  # frees a second copy of `decoded`
    figures = {
        "bytes": len(stream.data),
        "luma_samples": sum(f.width * f.height for f in source),
        "coded_samples": sum(f.width * f.height for f in frames),
        "frames": len(frames),
        "encode_cpu": encode_cpu,
        "decode_cpu": decode_cpu,
        "map_cpu": map_cpu if codec.importance.makes_map else 0.0,
        "verified": not refused,
        "chroma_qp": _mean_offsets(stream),
        "weighted_share": stream.provenance.get("weighted_share"),
    }
    provenance = stream.provenance | {
        "map": None if weights is None else weights.meta,
        "host": platform.node(),
        "time": time.time(),
    }
    packed = None
    if weights is not None:
        packed = f"{where}-{resources.maps.identity(codec.importance)}", map_file(weights)
    return _Coded(figures, provenance, stream.data, packed), decoded


def _observed(
    resources: Resources, job: Job, detector: int, seen: Sequence[Observation]
) -> StoredObservation:
    of = resources.detector(detector)
    reference = resources.source_observations(job.item, detector)
    errors = [feature_error(a.features, b.features) for a, b in zip(reference, seen, strict=True)]
    found = [o.detections for o in seen]
    pseudo = [
        match(d, pseudo_truth(s.detections, resources.plan.pseudo_score), len(of.classes), "boxes")
        for d, s in zip(found, reference, strict=True)
    ]
    truth = resources.dataset.items[job.item].truth
    boxes = masks = None
    if truth is not None:
        classes = resources.dataset.classes
        aligned = [align(d, of.classes, classes) for d in found]
        boxes = join_matches([match(d, truth, len(classes), "boxes") for d in aligned]).pack()
        if of.has_masks and truth.masks is not None:
            masks = join_matches([match(d, truth, len(classes), "masks") for d in aligned]).pack()
    return StoredObservation(
        detector=detector_hash(of),
        truth=job.truth,
        feature_sse=sum(e.sse for e in errors),
        feature_elements=sum(e.elements for e in errors),
        detections=pack_detections(found),
        pseudo=join_matches(pseudo).pack(),
        boxes=boxes,
        masks=masks,
    )


_LOCK = threading.Lock()
"""A process does one job at a time, because the CPU seconds of an encode are measured for the whole process."""


@functools.lru_cache(maxsize=2)
def _resources(text: str, folder: str, name: str) -> Resources:
    return Resources(parse_plan(text, Path(folder), name))


def run_job(text: str, folder: str, name: str, job: Job) -> Outcome | str:
    """Do a job of a plan in this process. If it fails, the result is a message."""
    with _LOCK:
        _one_thread()
        try:
            return do_job(job, _resources(text, folder, name))
        except IdseError as error:
            return str(error)
        except Exception as error:  # an error in idse itself: the other jobs go on
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            return f"{type(error).__name__} at {where}: {error}: please report it"


def _one_thread() -> None:
    """Let PyTorch use one thread: its sums, and with them maps and bytes, depend on the number of threads."""
    os.environ["OMP_NUM_THREADS"] = "1"  # if PyTorch is loaded later
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _fidelity(source: Sequence[Frame], decoded: Sequence[Frame]) -> dict[str, Any]:
    sse = np.sum(
        [
            [plane_sse(a, s.bit_depth, b, d.bit_depth) for a, b in zip(s.planes, d.planes, strict=True)]
            for s, d in zip(source, decoded, strict=True)
        ],
        axis=0,
    )
    similar = [
        ms_ssim_planes(s.planes[0], s.bit_depth, d.planes[0], d.bit_depth)
        for s, d in zip(source, decoded, strict=True)
    ]
    known = [v for v in similar if v is not None and math.isfinite(v)]
    return {
        "sse": [int(v) for v in sse],
        "samples": [sum(f.planes[i].size for f in source) for i in range(len(sse))],
        "ms_ssim": float(np.mean(known)) if len(known) == len(similar) else None,
    }


def _mean_offsets(stream: EncodedStream) -> list[float]:
    n = max(len(stream.frames), 1)
    return [sum(f.cb_qp_offset for f in stream.frames) / n, sum(f.cr_qp_offset for f in stream.frames) / n]


def _cpu() -> float:
    """CPU seconds that this process and the encoders that it started have used so far."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
