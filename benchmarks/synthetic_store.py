"""A store of synthetic results in the form that a sweep writes, for the report's tests and benchmark.

Rates, distortions and detections are simple functions of the QP, with a gain for each codec, so that the store has
everything that a report shows: curves, intervals, classes, maps, and real streams (JPEG) of some pictures.
"""

from __future__ import annotations

import io
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from idse.importance.caption import meta_of_settings
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
    """A synthetic codec.

    Attributes:
        name: Name in the rows of the tables.
        rate: Ratio of its bytes to the usual number.
        machine: Gain for detectors in QP steps: their results are those of pictures coded this much finer.
        tau: Value of tau in its settings; None without a map.
        family: Detector of its map; codecs of one family differ only in tau.
        scales: Picture sizes in per cent.
        offset: Added to its QPs, for a codec at another place on the quality axis.
        importance: More settings of its maps, such as their target.
    """

    name: str
    rate: float = 1.0
    machine: float = 0.0
    tau: float | None = None
    family: str = "eye"
    scales: tuple[int, ...] = (100,)
    offset: float = 0.0
    importance: dict[str, Any] = field(default_factory=dict)


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
        folder: An existing folder.
        codecs: The codecs.
        pictures: The pictures, RGB uint8.
        qps: QPs of the points of every curve.
        detectors: Names of the detectors; the first one reports masks too.
        streams: Number of pictures, evenly spread, whose streams and maps are kept.
        name: Name of the sweep.
        classes: Classes of the objects.
        wrong: Number of false detections in every picture; most of them have a low score.
        seed: Seed of all random numbers.

    Returns:
        The path of the store.
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
    loss = at + 9 * (100 / scale - 1)  # the loss of a smaller picture, as a number of QPs
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
            weights = f"map-{c}-{i}", _map(picture, meta_of_settings(_importance(codec), 32))
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
    """Return detections in the uncompressed picture: most objects, slightly displaced, and some false ones."""
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
    """Return the detections in a decoded picture: displaced, with lower scores, some missing; more so at high QPs."""
    n = len(base)
    coarse = np.clip((seen - 12) / 34, 0, 1)
    size = np.sqrt(np.prod(base.boxes[:, 2:] - base.boxes[:, :2], axis=1)).clip(4)[:, None]
    # Most random numbers are the same for every codec, because pictures differ more than codecs do.
    jitter = same.normal(0, 0.16, (n, 4)) + own.normal(0, 0.02, (n, 4))
    boxes = base.boxes + coarse**1.5 * jitter * size
    scores = base.scores * (1 - 0.5 * coarse * same.uniform(0.2, 1, n))
    kept = same.uniform(0, 1, n) > 0.6 * coarse**2
    return Detections(boxes.astype(np.float32), scores.astype(np.float32), base.labels).select(kept)


def _jpeg(picture: np.ndarray, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return file.getvalue()


def _importance(codec: Synthetic) -> dict[str, Any]:
    if codec.tau is None:
        return {"method": "none"}
    return {"method": "jacobian", "detector": codec.family, "proj_dim": 4} | codec.importance


def _map(picture: np.ndarray, meta: dict[str, Any]) -> bytes:
    """Return weights that follow the picture's edges, and a profile if META has one."""
    grey = picture.astype(np.float64).mean(2)
    rows, cols = -(-grey.shape[0] // 8), -(-grey.shape[1] // 8)
    grey = np.pad(grey, ((0, rows * 8 - grey.shape[0]), (0, cols * 8 - grey.shape[1])), mode="edge")
    weights = grey.reshape(rows, 8, cols, 8).std(axis=(1, 3)) + 1
    height, width = picture.shape[:2]
    steps = np.add.outer(np.arange(8), np.arange(8))
    tables = np.stack([np.exp(-decay * steps) for decay in (0.28, 0.56, 0.5)])[None].astype(np.float32)
    profiles = tables if "profile" in meta else None
    weight_map = WeightMap(width, height, 3, weights[None, None].astype(np.float32), None, meta, profiles)
    return map_file(weight_map)


def _write_dataset(
    folder: Path,
    names: Sequence[str],
    pictures: Sequence[np.ndarray],
    classes: Sequence[str],
    rng: np.random.Generator,
) -> list[Truth]:
    """Write the pictures as PNG, and COCO annotations of synthetic objects."""
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
        importance = _importance(codec)
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
