"""COCO's twelve-number summary of a whole data set, through faster-coco-eval.

`PrecisionCurves` gives the same AP from stored matches and for any sample of pictures. This module computes it with a
library that is in general use, and adds AP by the size of the objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from idse.errors import IdseError
from idse.metrics.detection import Detections, Truth
from idse.metrics.matching import IouType

# Positions in COCO's summary.
_SUMMARY = {"AP": 0, "AP50": 1, "AP75": 2, "APs": 3, "APm": 4, "APl": 5}


def coco_evaluate(
    detections: Sequence[Detections],
    truths: Sequence[Truth],
    classes: Sequence[str],
    iou_type: IouType = "boxes",
) -> dict[str, float]:
    """COCO's AP of detections against annotations.

    Args:
        detections: The detections of every picture, labelled by `classes` (see `align`).
        truths: The truth of the same pictures in the same order.
        classes: The class names.
        iou_type: Whether the overlap is that of boxes or of masks; for masks, both sides must have them.

    Returns:
        Values 0..1, NaN if there are no objects: `AP` (mean over IoU .50 ... .95), `AP50`, `AP75`; `APs`, `APm`, `APl`
        of objects below 32 x 32, below 96 x 96 and of larger ones; and AP of each class as `class:NAME`.

    Raises:
        IdseError: faster-coco-eval is not installed.
        ValueError: The numbers of pictures differ, or there are no masks.
    """
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError:
        raise IdseError(
            "faster-coco-eval is not installed: COCO's AP needs pip install 'idse[evaluate]'"
        ) from None
    if len(detections) != len(truths):
        raise ValueError(f"detections of {len(detections)} pictures for the truth of {len(truths)}")
    masks = iou_type == "masks"
    wanted = COCO(coco_dataset(truths, classes, masks))
    results = coco_results(detections, masks)
    evaluation = COCOeval_faster(
        wanted,
        wanted.loadRes(results) if results else COCO(coco_dataset([], classes)),
        iouType=_name(iou_type),
    )
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    found = {name: float(evaluation.stats[place]) for name, place in _SUMMARY.items()}
    precision = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]
    found |= {f"class:{name}": float(precision[:, :, k].mean()) for k, name in enumerate(classes)}
    # COCO writes -1 if there are no objects.
    return {name: value if value >= 0 else float("nan") for name, value in found.items()}


def coco_dataset(truths: Sequence[Truth], classes: Sequence[str], masks: bool = False) -> dict[str, Any]:
    """Annotations as COCO's JSON has them: images and categories are numbered from 1 in their order."""
    annotations: list[dict[str, Any]] = []
    for image, truth in enumerate(truths):
        if masks and truth.masks is None and len(truth):
            raise ValueError("the truth has no masks")
        for i, (box, label) in enumerate(zip(truth.boxes.tolist(), truth.labels.tolist(), strict=True)):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image + 1,
                    "category_id": label + 1,
                    "bbox": _width_height(box),
                    "area": float(truth.areas[i]),
                    "iscrowd": int(truth.crowd[i]),
                }
                | ({"segmentation": truth.masks[i]} if masks and truth.masks is not None else {})
            )
    return {
        "info": {},
        "images": [{"id": i + 1, "height": h, "width": w} for i, (h, w) in enumerate(map(_size, truths))],
        "annotations": annotations,
        "categories": [{"id": k + 1, "name": name} for k, name in enumerate(classes)],
    }


def coco_results(detections: Sequence[Detections], masks: bool = False) -> list[dict[str, Any]]:
    """Detections as COCO's result files have them; with masks, the boxes are derived from them."""
    results: list[dict[str, Any]] = []
    for image, found in enumerate(detections):
        if masks and found.masks is None and len(found):
            raise ValueError("the detections have no masks")
        for i, box in enumerate(found.boxes.astype(np.float64).tolist()):
            shape = (
                {"segmentation": found.masks[i]}
                if masks and found.masks is not None
                else {"bbox": _width_height(box)}
            )
            results.append(
                {
                    "image_id": image + 1,
                    "category_id": int(found.labels[i]) + 1,
                    "score": float(found.scores[i]),
                }
                | shape
            )
    return results


def _size(truth: Truth) -> tuple[int, int]:
    """Height and width from the masks, or 0: COCO's readers require them, but use them only for polygons."""
    height, width = truth.masks[0]["size"] if truth.masks else (0, 0)
    return int(height), int(width)


def _width_height(box: list[float]) -> list[float]:
    x0, y0, x1, y1 = box
    return [x0, y0, x1 - x0, y1 - y0]


def _name(iou_type: IouType) -> str:
    return {"boxes": "bbox", "masks": "segm"}[iou_type]
