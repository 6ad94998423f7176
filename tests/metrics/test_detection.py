import numpy as np
import pytest

from idse.metrics import Detections, average_precision, match, pseudo_ground_truth
from idse.metrics.detection import IOU_THRESHOLDS, PooledCurve, iou


def detections(*rows: tuple[float, ...]) -> Detections:
    table = np.array(rows, dtype=np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def random_pair(rng: np.random.Generator, classes: int = 4) -> tuple[Detections, Detections]:
    """Some truth, and detections near it with misses, wrong classes and strays."""
    n = int(rng.integers(0, 9))
    corner = rng.uniform(0, 300, (n, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(10, 120, (n, 2))], axis=1)
    labels = rng.integers(0, classes, n)
    truth = Detections(boxes.astype(np.float32), np.ones(n, np.float32), labels)
    again = np.repeat(np.arange(n), 2)
    moved = boxes[again] + rng.normal(0, 6, (2 * n, 4))
    moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
    other = np.where(rng.random(2 * n) < 0.2, rng.integers(0, classes, 2 * n), labels[again])
    return truth, Detections(moved.astype(np.float32), rng.random(2 * n).astype(np.float32), other)


def test_iou() -> None:
    a = np.array([[0, 0, 10, 10]])
    b = np.array([[5, 0, 15, 10], [0, 0, 10, 10], [20, 20, 30, 30], [3, 3, 3, 3]])
    assert iou(a, b)[0] == pytest.approx([1 / 3, 1, 0, 0])


def test_pseudo_ground_truth_is_what_scores_above() -> None:
    found = detections((0, 0, 5, 5, 0.3, 1), (0, 0, 6, 6, 0.31, 2))
    assert pseudo_ground_truth(found).labels.tolist() == [2]


def test_perfect_and_empty() -> None:
    truth = detections((0, 0, 10, 10, 0.9, 1), (20, 20, 50, 60, 0.8, 2))
    assert average_precision([match(truth, truth)]) == pytest.approx(1)
    assert average_precision([match(detections(), truth)]) == 0
    assert np.isnan(average_precision([match(truth, detections())]))


def test_a_match_must_agree_in_class() -> None:
    truth = detections((0, 0, 10, 10, 1, 1))
    assert not match(detections((0, 0, 10, 10, 0.9, 2)), truth).hits.any()
    assert match(detections((0, 0, 10, 10, 0.9, 1)), truth).hits.all()


def test_a_box_is_found_once() -> None:
    truth = detections((0, 0, 10, 10, 1, 1))
    twice = detections((0, 0, 10, 10, 0.5, 1), (0, 0, 10, 10, 0.9, 1))
    assert match(twice, truth).hits[:, 0].tolist() == [True, False]


def test_precision_is_pooled_over_classes() -> None:
    """A false alarm of one class costs precision of all: with means over classes this would be 1."""
    truth = detections((0, 0, 10, 10, 1, 1))
    found = detections((0, 0, 10, 10, 0.5, 1), (50, 50, 60, 60, 0.9, 7))
    assert average_precision([match(found, truth)]) == pytest.approx(0.5)


def test_counts_repeat_pictures() -> None:
    rng = np.random.default_rng(1)
    matched = [match(d, t) for t, d in (random_pair(rng) for _ in range(6))]
    counts = np.array([2, 0, 1, 3, 0, 1])
    repeated = [m for m, times in zip(matched, counts, strict=True) for _ in range(times)]
    assert PooledCurve(matched).average_precision(counts) == pytest.approx(average_precision(repeated))


@pytest.mark.parametrize("seed", range(4))
def test_equals_coco_with_a_picture_per_class(seed: int) -> None:
    coco = pytest.importorskip("faster_coco_eval")
    rng = np.random.default_rng(seed)
    pairs = [random_pair(rng) for _ in range(12)]
    annotations, results, images = [], [], set()
    for picture, (truth, found) in enumerate(pairs):
        for kind, target in ((truth, annotations), (found, results)):
            for (x0, y0, x1, y1), score, label in zip(
                kind.boxes.tolist(), kind.scores.tolist(), kind.labels.tolist(), strict=True
            ):
                image = picture * 100 + label + 1
                images.add(image)
                box = {"image_id": image, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]}
                target.append(
                    box | {"score": score, "id": len(target) + 1, "iscrowd": 0, "area": (x1 - x0) * (y1 - y0)}
                )
    truths = coco.COCO(
        {
            "images": [{"id": i} for i in images],
            "annotations": annotations,
            "categories": [{"id": 1, "name": "any"}],
        }
    )
    evaluation = coco.COCOeval_faster(
        truths, truths.loadRes(results), iouType="bbox", print_function=lambda *_: None
    )
    evaluation.params.maxDets = [1, 10, 100]
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    ours = average_precision([match(found, truth) for truth, found in pairs])
    assert ours == pytest.approx(float(evaluation.stats[0]), abs=1e-6)
    assert len(IOU_THRESHOLDS) == 10
