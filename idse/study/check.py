"""Checks a study's mAP against that of faster-coco-eval, from the detections in the store and the annotations."""

from __future__ import annotations

from dataclasses import dataclass

from idse.errors import IdseError
from idse.metrics.coco import coco_evaluate
from idse.metrics.detection import align
from idse.study.study import Study


@dataclass(frozen=True)
class Check:
    """How much two computations of the same figures differ.

    Attributes:
        points: The number of compared points of curves, each with its AP and the AP of every class.
        largest: The greatest difference.
    """

    points: int
    largest: float


def check_precision(study: Study) -> Check:
    """Compare AP, AP50 and every class's AP of all points with faster-coco-eval's.

    Raises:
        IdseError: The study has no annotations, or they have moved.
    """
    names = study.gallery.classes(None)
    truths = [study.gallery.truth(item) for item in study.items]
    known = [t for t in truths if t is not None]
    if not names or len(known) != len(truths):
        raise IdseError(
            "mAP cannot be checked: there are no annotations, or they are not where the plan says"
        )
    points, largest = 0, 0.0
    for measure in [m for m in study.measures if m.kind in ("map_box", "map_mask")]:
        detector, kind = measure.detector or "", measure.kind.removeprefix("map_")
        for codec in study.codecs:
            for i, keys in enumerate(study.keys(codec.name)):
                found = [
                    align(d, study.gallery.classes(detector), names)
                    for d in study.gallery.found(keys, detector)
                ]
                wanted = coco_evaluate(found, known, names, "boxes" if kind == "box" else "masks")
                pairs = {f"map_{kind}:{detector}": wanted["AP"], f"ap50_{kind}:{detector}": wanted["AP50"]}
                pairs |= {
                    f"class_{kind}:{detector}:{name}": wanted[f"class:{name}"]
                    for name in names
                    if any(m.key == f"class_{kind}:{detector}:{name}" for m in study.measures)
                }
                for key, value in pairs.items():
                    largest = max(largest, abs(study.points(codec.name, key)[i].quality - value))
                points += 1
    return Check(points, largest)
