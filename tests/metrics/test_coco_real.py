"""AP of real detections on COCO's own annotations, crowds included: against what the packages make of COCO's file."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from idse.datasets import DatasetSettings, Item, open_dataset
from idse.detectors import COCO_CLASSES, DetectorSettings, load_detector
from idse.metrics import Detections, PrecisionCurves, align, coco_evaluate, match
from idse.metrics.coco import coco_results

PICTURES = 20
QUALITIES = (None, 15)  # of JPEG; None: as it comes


@pytest.fixture(scope="module")
def items(shared: Path) -> tuple[list[Item], tuple[str, ...], dict[str, Any]]:
    """Some pictures with their truth, those with crowds first, by COCO's number; and COCO's file of just these."""
    pytest.importorskip("faster_coco_eval")
    folder = shared / "data" / "coco"
    dataset = open_dataset(
        DatasetSettings(kind="coco", images=folder / "val", annotations=folder / "instances_val.json")
    )
    file = json.loads((folder / "instances_val.json").read_text())
    number = {image["file_name"]: image["id"] for image in file["images"]}
    crowded = sorted(dataset.items, key=lambda i: (-int(i.truth.crowd.sum()), i.name))[:PICTURES]
    chosen = sorted(crowded, key=lambda i: number[i.path.name])
    numbers = {number[i.path.name] for i in chosen}
    file["images"] = [image for image in file["images"] if image["id"] in numbers]
    file["annotations"] = [a for a in file["annotations"] if a["image_id"] in numbers]
    assert sum(a["iscrowd"] for a in file["annotations"]) > 5
    return chosen, dataset.classes, file


def results(detections: list[Detections], file: dict[str, Any], masks: bool) -> list[dict[str, Any]]:
    """With COCO's own numbers of pictures and categories."""
    images = sorted(image["id"] for image in file["images"])
    categories = sorted(category["id"] for category in file["categories"])
    return [
        r | {"image_id": images[r["image_id"] - 1], "category_id": categories[r["category_id"] - 1]}
        for r in coco_results(detections, masks)
    ]


def check(items: Any, reference: Any, detections: list[Detections], kind: str) -> None:
    chosen, classes, file = items
    masks = kind == "masks"
    curves = PrecisionCurves(
        [match(d, i.truth, len(classes), kind) for d, i in zip(detections, chosen, strict=True)], len(classes)
    )
    mean, ap50, by_class = reference(file, results(detections, file, masks), "segm" if masks else "bbox")
    assert 0.02 < mean < 0.98
    assert curves.mean() == pytest.approx(mean, abs=1e-6)
    assert curves.mean(threshold=0.5) == pytest.approx(ap50, abs=1e-6)
    assert curves.per_class() == pytest.approx(by_class, abs=1e-6, nan_ok=True)
    summary = coco_evaluate(detections, [i.truth for i in chosen], classes, kind)
    assert summary["AP"] == pytest.approx(mean, abs=1e-6)
    assert summary["AP50"] == pytest.approx(ap50, abs=1e-6)


@pytest.fixture(scope="module")
def seen(items: Any, shared: Path) -> dict[tuple[str, int | None], list[Detections]]:
    """What both detectors find in the pictures, as they come and after JPEG."""
    pytest.importorskip("onnxruntime")
    found: dict[tuple[str, int | None], list[Detections]] = {}
    for file in ("yolox_nano.onnx", "nanodet_m.onnx"):
        detector = load_detector(DetectorSettings(str(shared / "data" / "detectors" / file), device="cpu"))
        for item in items[0]:
            for quality in QUALITIES:
                picture = Image.open(item.path).convert("RGB")
                if quality is not None:
                    coded = io.BytesIO()
                    picture.save(coded, "JPEG", quality=quality)
                    picture = Image.open(coded)
                rgb = np.asarray(picture, dtype=np.float32) / 255
                detections = align(detector.detect([rgb])[0], COCO_CLASSES, items[1])
                found.setdefault((detector.name, quality), []).append(detections)
    assert len(found) == 2 * len(QUALITIES)
    return found


def test_boxes_of_both_detectors(items, seen, reference) -> None:  # type: ignore[no-untyped-def]
    for detections in seen.values():
        check(items, reference, detections, "boxes")


def test_masks(items, seen, reference) -> None:  # type: ignore[no-untyped-def]
    """No mask detector is at hand: annotated masks moved about, and real detections' boxes as masks."""
    from faster_coco_eval.core import mask

    rng = np.random.default_rng(0)
    detections = []
    for item, boxed in zip(items[0], seen["yolox_nano", None], strict=True):
        height, width = item.truth.masks[0]["size"] if item.truth.masks else (0, 0)
        masks, labels = [], []
        for outline, label in zip(item.truth.masks, item.truth.labels, strict=True):
            for _ in range(2):
                moved = np.roll(mask.decode(outline), rng.integers(-6, 7, 2), axis=(0, 1))
                masks.append(mask.encode(np.asfortranarray(moved)))
                labels.append(label)
        for x0, y0, x1, y1 in boxed.boxes.round().astype(int)[: 40 if masks else 0]:
            painted = np.zeros((height, width), dtype=np.uint8, order="F")
            painted[y0:y1, x0:x1] = 1
            masks.append(mask.encode(painted))
        labels += boxed.labels[: len(masks) - len(labels)].tolist()
        scores = rng.random(len(masks)).astype(np.float32)
        boxes = np.zeros((len(masks), 4), dtype=np.float32)
        detections.append(Detections(boxes, scores, np.array(labels, dtype=np.int64), tuple(masks)))
    check(items, reference, detections, "masks")
