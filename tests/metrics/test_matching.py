import numpy as np
import pytest

from idse.metrics import Detections, Matches, Truth, align, match, pseudo_truth
from idse.metrics.matching import iou

ALL = 0b11_1111_1111


def found(*rows: tuple[float, ...]) -> Detections:
    table = np.array(rows, dtype=np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def truth(*rows: tuple[float, ...], crowd: tuple[int, ...] = ()) -> Truth:
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    areas = np.prod(table[:, 2:4] - table[:, :2], axis=1)
    return Truth(table[:, :4], table[:, 4].astype(np.int64), np.isin(np.arange(len(table)), crowd), areas)


def rle(*box: int) -> dict:  # type: ignore[type-arg]
    mask = pytest.importorskip("faster_coco_eval.core.mask")
    picture = np.zeros((40, 50), dtype=np.uint8, order="F")
    picture[box[1] : box[3], box[0] : box[2]] = 1
    return mask.encode(picture)


def test_iou() -> None:
    a = np.array([[0, 0, 10, 10]])
    b = np.array([[5, 0, 15, 10], [0, 0, 10, 10], [20, 20, 30, 30], [3, 3, 3, 3], [0, 5, 99, 99]])
    assert iou(a, b, np.arange(5) == 4)[0] == pytest.approx([1 / 3, 1, 0, 0, 0.5])


def test_a_match_must_agree_in_class() -> None:
    wanted = truth((0, 0, 10, 10, 1))
    assert match(found((0, 0, 10, 10, 0.9, 2)), wanted, 3).hits.tolist() == [0]
    matches = match(found((0, 0, 10, 10, 0.9, 1)), wanted, 3)
    assert matches.hits.tolist() == [ALL]
    assert matches.positives.tolist() == [0, 1, 0]


def test_a_box_is_found_once_and_at_the_thresholds_it_reaches() -> None:
    twice = found((0, 0, 10, 10, 0.5, 0), (0, 0, 10, 6, 0.9, 0))
    matches = match(twice, truth((0, 0, 10, 10, 0)), 1)
    assert matches.scores.tolist() == pytest.approx([0.9, 0.5])
    # IoU 0.6 reaches .50, .55 and .60; at the others the box is left to the second.
    assert matches.hits.tolist() == [0b111, ALL - 0b111]


def test_crowds_forgive_what_lies_on_them() -> None:
    wanted = truth((0, 0, 40, 40, 0), (0, 0, 10, 10, 0), crowd=(0,))
    detections = found(
        (0, 0, 10, 10, 0.9, 0), (1, 1, 6, 6, 0.8, 0), (2, 2, 9, 9, 0.7, 0), (35, 35, 45, 45, 0.6, 0)
    )
    matches = match(detections, wanted, 1)
    assert matches.hits.tolist() == [ALL, 0, 0, 0]
    assert matches.ignored.tolist() == [0, ALL, ALL, 0]
    assert matches.positives.tolist() == [1]


def test_a_hundred_of_a_class_count() -> None:
    rows = [(0, 0, 10, 10, 0.5 - i / 1000, i % 2) for i in range(240)]
    labels = match(found(*rows), truth(), 2).labels
    assert labels.tolist() == [0] * 100 + [1] * 100


def test_masks_are_matched_by_their_samples() -> None:
    """Boxes as great as each other, masks that are a half of them."""
    detections, wanted = found((0, 0, 20, 20, 0.9, 0)), truth((0, 0, 20, 20, 0))
    detections = Detections(detections.boxes, detections.scores, detections.labels, (rle(0, 0, 20, 10),))
    with pytest.raises(ValueError, match="the truth have no masks"):
        match(detections, wanted, 1, "masks")
    wanted = Truth(wanted.boxes, wanted.labels, wanted.crowd, wanted.areas, (rle(0, 0, 20, 16),))
    assert match(detections, wanted, 1, "masks").hits.tolist() == [0b111]  # 200 of 320 samples
    assert match(detections, wanted, 1, "boxes").hits.tolist() == [ALL]


def test_packed_matches_come_back(scenes) -> None:  # type: ignore[no-untyped-def]
    for detections, wanted in scenes(3, 4, 80, objects=30):
        kept = match(detections, wanted, 80)
        again = Matches.unpack(kept.pack())
        for name in ("scores", "labels", "hits", "ignored", "positives"):
            assert getattr(again, name).tolist() == getattr(kept, name).tolist()
            assert getattr(again, name).dtype == getattr(kept, name).dtype
    for damaged in (b"", b"x", kept.pack()[:-9], b"\x09" + kept.pack()[1:]):
        with pytest.raises(ValueError, match="not packed matches"):
            Matches.unpack(damaged)


def test_says_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"label 3 or 3, outside 0\.\.2"):
        match(found((0, 0, 1, 1, 1, 3)), truth(), 3)
    with pytest.raises(ValueError, match="'mask'"):
        match(found(), truth(), 3, "mask")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="2 masks for 1 boxes"):
        Detections(np.zeros((1, 4), np.float32), np.zeros(1, np.float32), np.zeros(1, np.int64), ({}, {}))


def test_align_relabels_by_name_and_keeps_masks() -> None:
    boxes = np.arange(12, dtype=np.float32).reshape(3, 4)
    detections = Detections(
        boxes, np.ones(3, np.float32), np.array([2, 0, 1]), ({"n": 2}, {"n": 0}, {"n": 1})
    )
    aligned = align(detections, ("cat", "dog", "car"), ("car", "bus", "cat"))
    assert aligned.labels.tolist() == [0, 2]
    assert aligned.boxes.tolist() == boxes[:2].tolist()
    assert aligned.masks == ({"n": 2}, {"n": 0})


def test_pseudo_truth_is_what_scores_above() -> None:
    kept = pseudo_truth(found((0, 0, 5, 5, 0.3, 1), (0, 0, 6, 7, 0.31, 2)))
    assert (kept.labels.tolist(), kept.areas.tolist(), kept.crowd.tolist()) == ([2], [42], [False])
    box = Detections(
        np.array([[0, 0, 9, 9]], np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
        (rle(0, 0, 9, 2),),
    )
    assert pseudo_truth(box).areas.tolist() == [18]
