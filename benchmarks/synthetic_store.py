"""A store of made-up results, as a sweep would leave it: for the report's tests and its benchmark.

Rates, distortions and detections follow simple laws of the QP, with a gain for each codec, so that all that a report
shows is there: curves, intervals, classes, maps, and for some pictures real streams (JPEG).
"""

from __future__ import annotations

import io
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from idse.importance.weight_map import WeightMap
from idse.metrics.detection import Detections, Truth, pseudo_truth
from idse.metrics.matching import match
from idse.sweeps.maps import map_file
from idse.sweeps.packing import pack_detections
from idse.sweeps.preparation import source_key
from idse.sweeps.store import Store, StoredObservation
from idse.toml_file import toml_text

CLASSES = (
    "person",
    "bicycle",
    "car",
    "dog",
    "cat",
    "chair",
    "bottle",
    "book",
    "bird",
    "boat",
    "bench",
    "kite",
)


@dataclass(frozen=True)
class Synthetic:
    """A made-up codec.

    Attributes:
        name: Row of the tables.
        rate: Its bytes over the usual ones.
        machine: By how many QPs finer detectors seem to see its pictures.
        tau: In its settings; None without a map.
        family: Detector of its map: codecs of one family differ in tau alone.
        scales: Per cent of the size.
        offset: Added to its QPs: a codec that lies elsewhere on the quality axis.
    """

    name: str
    rate: float = 1.0
    machine: float = 0.0
    tau: float | None = None
    family: str = "eye"
    scales: tuple[int, ...] = (100,)
    offset: float = 0.0


def make_store(
    folder: Path,
    codecs: Sequence[Synthetic],
    pictures: Sequence[np.ndarray],
    qps: Sequence[int] = (22, 27, 32, 37, 42),
    detectors: Sequence[str] = ("eye", "lynx"),
    streams: int = 3,
    name: str = "made-up",
    classes: Sequence[str] = CLASSES,
    wrong: int = 4,
    seed: int = 0,
) -> Path:
    """Write `results.sqlite` with its data set into a folder.

    Args:
        folder: Exists.
        codecs: Rows.
        pictures: RGB uint8.
        qps: Points of every curve.
        detectors: Names; the first reports masks too.
        streams: Of so many pictures the streams and maps are kept, evenly spread.
        name: Of the sweep.
        classes: What there is to find.
        wrong: So many detections of every picture are of nothing; most have a low score.
        seed: Of everything.

    Returns:
        Path of the store.
    """
    rng = np.random.default_rng(seed)
    names = [f"{i:06d}" for i in range(len(pictures))]
    truths = _write_dataset(folder, names, pictures, classes, rng)
    path = folder / "results.sqlite"
    kept = set(np.linspace(0, len(pictures) - 1, min(streams, len(pictures))).round().astype(int).tolist())
    complexity = np.exp(rng.normal(0, 0.4, len(pictures)))
    with Store(path) as store:
        _put_sweep(store, folder, name, codecs, names, qps, detectors, pictures, classes, seed)
        for i, picture in enumerate(pictures):
            base = [
                _found(truths[i], len(classes), wrong, np.random.default_rng([seed, i, d]))
                for d in range(len(detectors))
            ]
            store.put(
                source_key(f"digest-{i}"),
                None,
                None,
                None,
                None,
                _observed(base, base, truths[i], len(classes), 0.0, i),
            )
            for c, codec in enumerate(codecs):
                for scale, qp in itertools.product(codec.scales, qps):
                    _put_cell(
                        store,
                        c,
                        codec,
                        i,
                        picture,
                        scale,
                        qp,
                        float(complexity[i]),
                        base,
                        truths[i],
                        len(classes),
                        i in kept,
                        seed,
                    )
    return path


def _put_cell(
    store: Store, c: int, codec: Synthetic, i: int, picture: np.ndarray, scale: int, qp: int, complexity: float,
    base: list[Detections], truth: Truth, classes: int, keep: bool, seed: int,
) -> None:  # fmt: skip
    height, width = picture.shape[:2]
    rng = np.random.default_rng([seed, 1, c, i, scale, qp])
    at = qp + codec.offset
    size = (
        round(width * height * 0.06 * complexity * codec.rate * 2 ** (-(at - 32) / 6) * (scale / 100) ** 1.3)
        + 60
    )
    loss = at + 9 * (100 / scale - 1)  # what a smaller picture loses counts as QPs
    psnr = [55 - 0.55 * loss - 3 * math.log(complexity) + rng.normal(0, 0.05) + p for p in (0, 4, 4.5)]
    seen = loss - codec.machine
    samples = [width * height, width * height // 4, width * height // 4]
    figures: dict[str, Any] = {
        "bytes": size, "luma_samples": width * height, "coded_samples": width * height * scale**2 // 10**4, "frames": 1,
        "encode_cpu": width * height * 4e-6 * codec.rate, "decode_cpu": width * height * 1e-7,
        "map_cpu": 0.0 if codec.tau is None else width * height * 1e-6, "verified": True,
        "chroma_qp": [0, 0], "weighted_share": None,
        "sse": [round(n * 1020**2 / 10 ** (p / 10)) for n, p in zip(samples, psnr, strict=True)], "samples": samples,
        "ms_ssim": 1 - 10 ** (-(24 - 0.32 * loss) / 10),
    }  # fmt: skip
    stream = weights = None
    if keep:
        quality = int(np.clip(130 - 2.6 * at, 3, 95))
        stream = _jpeg(picture, quality)
        if codec.tau is not None:
            weights = f"map-{c}-{i}", _map(picture)
    found = [_coarser(b, seen, np.random.default_rng([seed, 2, i, d]), rng) for d, b in enumerate(base)]
    store.put(
        f"result-{c}-{i}-{scale}-{qp}",
        figures,
        {"host": "nowhere"},
        stream,
        weights,
        _observed(found, base, truth, classes, seen, i),
    )


def _observed(
    found: list[Detections], base: list[Detections], truth: Truth, classes: int, seen: float, item: int
) -> list[StoredObservation]:
    observations = []
    for d, (f, b) in enumerate(zip(found, base, strict=True)):
        boxes = match(f, truth, classes, "boxes").pack()
        observations.append(
            StoredObservation(
                detector=f"hash-{d}",
                truth=f"truth-{item}",
                feature_sse=1e6 * 10 ** (-(30 - 0.5 * seen) / 10),
                feature_elements=10**6,
                detections=pack_detections([f]),
                pseudo=match(f, pseudo_truth(b), classes, "boxes").pack(),
                boxes=boxes,
                masks=boxes if d == 0 else None,
            )
        )
    return observations


def _found(truth: Truth, classes: int, wrong: int, rng: np.random.Generator) -> Detections:
    """What a detector finds in the uncompressed picture: most of what is there, a little off, and some that is not."""
    n = len(truth)
    size = np.sqrt(truth.areas)[:, None]
    boxes = truth.boxes + rng.normal(0, 0.03, (n, 4)) * size
    low = rng.uniform(0, 100, (wrong, 2))
    boxes = np.concatenate([boxes, np.concatenate([low, low + rng.uniform(10, 90, (wrong, 2))], axis=1)])
    scores = np.concatenate([rng.beta(6, 2, n), rng.beta(1.5, 5, wrong)])
    labels = np.concatenate([truth.labels, rng.integers(0, classes, wrong)])
    return Detections(boxes.astype(np.float32), scores.astype(np.float32), labels)


def _coarser(
    base: Detections, seen: float, same: np.random.Generator, own: np.random.Generator
) -> Detections:
    """The same detections on a decoded picture: further off, less sure, some lost, the more the coarser."""
    n = len(base)
    coarse = np.clip((seen - 12) / 34, 0, 1)
    size = np.sqrt(np.prod(base.boxes[:, 2:] - base.boxes[:, :2], axis=1)).clip(4)[:, None]
    # Mostly the same random numbers for every codec: pictures differ more than codecs do.
    jitter = same.normal(0, 0.16, (n, 4)) + own.normal(0, 0.02, (n, 4))
    boxes = base.boxes + coarse**1.5 * jitter * size
    scores = base.scores * (1 - 0.5 * coarse * same.uniform(0.2, 1, n))
    kept = same.uniform(0, 1, n) > 0.6 * coarse**2
    return Detections(boxes.astype(np.float32), scores.astype(np.float32), base.labels).select(kept)


def _jpeg(picture: np.ndarray, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return file.getvalue()


def _map(picture: np.ndarray) -> bytes:
    """Weights that follow the picture's edges."""
    grey = picture.astype(np.float64).mean(2)
    rows, cols = -(-grey.shape[0] // 8), -(-grey.shape[1] // 8)
    grey = np.pad(grey, ((0, rows * 8 - grey.shape[0]), (0, cols * 8 - grey.shape[1])), mode="edge")
    weights = grey.reshape(rows, 8, cols, 8).std(axis=(1, 3)) + 1
    weight_map = WeightMap(picture.shape[1], picture.shape[0], 3, weights[None, None].astype(np.float32))
    return map_file(weight_map)


def _write_dataset(
    folder: Path,
    names: Sequence[str],
    pictures: Sequence[np.ndarray],
    classes: Sequence[str],
    rng: np.random.Generator,
) -> list[Truth]:
    """Pictures as PNG, and COCO's annotations of made-up objects."""
    (folder / "pictures").mkdir()
    truths, annotations = [], []
    for i, (name, picture) in enumerate(zip(names, pictures, strict=True)):
        Image.fromarray(picture).save(folder / "pictures" / f"{name}.png", compress_level=1)
        height, width = picture.shape[:2]
        n = int(rng.integers(5, 10))
        size = np.stack([rng.uniform(0.12, 0.45, n) * width, rng.uniform(0.12, 0.45, n) * height], axis=1)
        low = rng.uniform(0, 1, (n, 2)) * (np.array([width, height]) - size)
        labels = rng.integers(0, len(classes), n)
        truths.append(
            Truth(
                np.concatenate([low, low + size], axis=1),
                labels.astype(np.int64),
                np.zeros(n, bool),
                size.prod(axis=1),
            )
        )
        for (x, y), (w, h), label in zip(low, size, labels, strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": i, "category_id": int(label) + 1, "iscrowd": 0,
                    "bbox": [x, y, w, h], "area": w * h, "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
                }
            )  # fmt: skip
    about = {
        "images": [
            {"id": i, "file_name": f"{n}.png", "width": p.shape[1], "height": p.shape[0]}
            for i, (n, p) in enumerate(zip(names, pictures, strict=True))
        ],
        "categories": [{"id": i + 1, "name": n} for i, n in enumerate(classes)],
        "annotations": annotations,
    }
    (folder / "annotations.json").write_text(json.dumps(about))
    return truths


def _put_sweep(
    store: Store, folder: Path, name: str, codecs: Sequence[Synthetic], names: Sequence[str], qps: Sequence[int],
    detectors: Sequence[str], pictures: Sequence[np.ndarray], classes: Sequence[str], seed: int,
) -> None:  # fmt: skip
    plan = toml_text(
        {
            "name": name,
            "seed": seed,
            "qp": list(qps),
            "dataset": {"kind": "coco", "images": "pictures", "annotations": "annotations.json"},
            "codecs": [{"name": codecs[0].name, "engine": "jpeg"}],
        }
    )
    described = []
    for codec in codecs:
        importance = (
            {"method": "none"} if codec.tau is None else {"method": "jacobian", "detector": codec.family}
        )
        described.append(
            (
                codec.name,
                {
                    "engine": "jpeg", "options": {}, "settings": {} if codec.tau is None else {"tau": codec.tau},
                    "importance": importance, "identity": {"engine": "made-up", "version": "made-up 1.0"},
                    "map_identity": "" if codec.tau is None else codec.family,
                    "qps": list(qps), "scales": list(codec.scales),
                },
            )
        )  # fmt: skip
    about = {
        "idse": "0.1.0", "python": "3.11", "host": "nowhere", "machine": "none", "packages": {"numpy": np.__version__},
        "seed": seed, "pseudo_score": 0.3, "measuring": "made up, not measured", "created": "2026-11-21 12:00:00 UTC",
        "folder": str(folder),
        "dataset": {
            "name": "pictures", "kind": "coco", "classes": list(classes), "has_masks": True,
            "identity": {"kind": "coco", "conversion": "RGB -> BT.601 full range 8-bit 4:2:0"}, "items": len(names),
        },
    }  # fmt: skip
    store.put_sweep(
        name,
        plan,
        about,
        described,
        [
            (n, str(folder / "pictures" / f"{n}.png"), f"digest-{i}", f"truth-{i}")
            for i, n in enumerate(names)
        ],
        [
            (d, f"hash-{k}", {"kind": "made-up", "model": d, "classes": list(classes), "has_masks": k == 0})
            for k, d in enumerate(detectors)
        ],
        [
            (c, i, scale, qp, f"result-{c}-{i}-{scale}-{qp}")
            for c, codec in enumerate(codecs)
            for i in range(len(pictures))
            for scale, qp in itertools.product(codec.scales, qps)
        ],
    )
