"""Scenes of boxes, and AP as pycocotools and faster-coco-eval compute it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from idse.metrics import Detections, Truth

Reference = Callable[..., tuple[float, float, np.ndarray]]


@pytest.fixture(params=["pycocotools", "faster_coco_eval"])
def reference(request: pytest.FixtureRequest) -> Reference:
    """Mean AP, mean AP50 and AP of each class, of annotations and results as COCO's JSON has them."""
    package = pytest.importorskip(request.param)

    def evaluate(annotations: dict[str, Any], results: list[dict[str, Any]], kind: str = "bbox") -> Any:
        # The packages write into what they are given.
        annotations = annotations | {"annotations": [dict(a) for a in annotations["annotations"]]}
        results = [dict(r) for r in results]
        with contextlib.redirect_stdout(io.StringIO()):
            if request.param == "pycocotools":
                from pycocotools.coco import COCO
                from pycocotools.cocoeval import COCOeval

                truth = COCO()
                truth.dataset = annotations
                truth.createIndex()
            else:
                truth, COCOeval = package.COCO(annotations), package.COCOeval_faster
            evaluation = COCOeval(truth, truth.loadRes(results), kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        precision = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]
        by_class = np.where(precision < 0, np.nan, precision).mean(axis=(0, 1))
        return float(evaluation.stats[0]), float(evaluation.stats[1]), by_class

    return evaluate


def random_scene(
    rng: np.random.Generator, classes: int, objects: int = 8, copies: int = 3, ties: bool = False
) -> tuple[Detections, Truth]:
    """Some objects, a fifth of them crowds, and detections near them with misses, wrong classes and strays."""
    n = int(rng.integers(0, objects + 1))
    corner = rng.uniform(0, 300, (n, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(10, 120, (n, 2))], axis=1)
    labels = rng.integers(0, classes, n)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    truth = Truth(boxes, labels, rng.random(n) < 0.2, areas)
    again = np.repeat(np.arange(n), copies)
    moved = boxes[again] + rng.normal(0, 6, (len(again), 4))
    moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
    other = np.where(rng.random(len(again)) < 0.2, rng.integers(0, classes, len(again)), labels[again])
    scores = rng.random(len(again)).astype(np.float32)
    return Detections(moved.astype(np.float32), np.round(scores, 1) if ties else scores, other), truth


@pytest.fixture
def scenes() -> Callable[..., list[tuple[Detections, Truth]]]:
    """`scenes(seed, pictures, classes, ...)`: see `random_scene`."""

    def make(seed: int, pictures: int, classes: int, **options: Any) -> list[tuple[Detections, Truth]]:
        rng = np.random.default_rng(seed)
        return [random_scene(rng, classes, **options) for _ in range(pictures)]

    return make
