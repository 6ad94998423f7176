import numpy as np
import pytest

from idse.metrics import Detections, Matches, PrecisionCurves, Truth, coco_evaluate, match, resamples
from idse.metrics.coco import coco_dataset, coco_results

ALL = 0b11_1111_1111


def matches(positives: list[int], *rows: tuple[float, int, int, int]) -> Matches:
    """Rows of score, label, hits, ignored."""
    scores, labels, hits, ignored = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Matches(
        np.array(scores, np.float32),
        np.array(labels, np.int16),
        np.array(hits, np.uint16),
        np.array(ignored, np.uint16),
        np.array(positives, np.int32),
    )


# Class 0: three objects, of which a hit, a miss, a hit. Class 1: its one object, found. Class 2: a false alarm.
BY_HAND = matches(
    [3, 1, 0], (0.9, 0, ALL, 0), (0.8, 0, 0, 0), (0.7, 0, ALL, 0), (0.6, 1, ALL, 0), (0.95, 2, 0, 0)
)
# Recall 0 .. .33 has precision 1 (34 points), .34 .. .66 has 2/3 (33 points).
AP_0 = (34 + 33 * 2 / 3) / 101


def test_by_hand() -> None:
    curves = PrecisionCurves([BY_HAND], 3)
    assert curves.per_class() == pytest.approx([AP_0, 1, np.nan], nan_ok=True)
    assert curves.mean() == pytest.approx((AP_0 + 1) / 2)
    assert curves.weighted() == pytest.approx((3 * AP_0 + 1 * 1) / 4)
    # In one list: miss, hit, miss, hit, hit; four objects, precision 1/2, then 3/5 at its best.
    assert curves.pooled() == pytest.approx(76 * (3 / 5) / 101)


def test_what_is_ignored_is_neither_right_nor_wrong() -> None:
    alarm = matches([2], (0.9, 0, ALL, 0), (0.8, 0, 0, 0), (0.7, 0, ALL, 0))
    forgiven = matches([2], (0.9, 0, ALL, 0), (0.8, 0, 0, ALL), (0.7, 0, ALL, 0))
    assert PrecisionCurves([alarm], 1).mean() == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert PrecisionCurves([forgiven], 1).mean() == pytest.approx(1)


def test_thresholds_apart() -> None:
    curves = PrecisionCurves([matches([1], (0.9, 0, 0b111, 0))], 1)
    assert [curves.mean(threshold=t) for t in (0.5, 0.6, 0.65)] == pytest.approx([1, 1, 0])
    assert [curves.mean(), curves.pooled(), curves.weighted()] == pytest.approx([0.3] * 3)
    with pytest.raises(ValueError, match=r"0\.51"):
        curves.mean(threshold=0.51)


def test_nothing_to_find_and_nothing_found() -> None:
    nothing = PrecisionCurves([matches([0, 0], (0.9, 0, 0, 0))], 2)
    for value in (nothing.mean(), nothing.pooled(), nothing.weighted(), PrecisionCurves([], 2).mean()):
        assert np.isnan(value)
    blind = PrecisionCurves([matches([4, 0])], 2)
    assert (blind.mean(), blind.pooled(), blind.weighted()) == (0, 0, 0)
    with pytest.raises(ValueError, match="2 classes, not of 3"):
        PrecisionCurves([matches([4, 0])], 3)
    with pytest.raises(ValueError, match="2 counts for 1"):
        blind.mean(np.ones(2, np.int64))


@pytest.mark.parametrize("ties", [False, True])
def test_counts_repeat_pictures(scenes, ties: bool) -> None:  # type: ignore[no-untyped-def]
    kept = [match(d, t, 3) for d, t in scenes(1, 7, 3, ties=ties, copies=5)]
    curves = PrecisionCurves(kept, 3)
    for counts in resamples(len(kept), 30, seed=2):
        repeated = PrecisionCurves(
            [m for m, times in zip(kept, counts, strict=True) for _ in range(times)], 3
        )
        assert curves.per_class(counts) == pytest.approx(repeated.per_class(), abs=1e-12, nan_ok=True)
        for figure in ("mean", "pooled", "weighted"):
            assert getattr(curves, figure)(counts) == pytest.approx(getattr(repeated, figure)(), abs=1e-12)
            assert getattr(curves, figure)(counts, 0.75) == pytest.approx(
                getattr(repeated, figure)(threshold=0.75), abs=1e-12
            )


@pytest.mark.parametrize(
    ("seed", "options"),
    [
        (0, {}),
        (1, {"ties": True}),
        (2, {"objects": 90, "copies": 4}),
        (3, {"objects": 90, "copies": 4, "ties": True}),  # more than 100 detections of a class
    ],
)
def test_equals_the_packages(scenes, reference, seed: int, options: dict[str, int]) -> None:  # type: ignore[no-untyped-def]
    classes = ("a", "b", "c", "never there")
    drawn = scenes(seed, 12, 3, **options)
    detections, truths = [d for d, _ in drawn], [t for _, t in drawn]
    if "objects" in options:
        assert max(np.bincount(d.labels, minlength=1).max() for d in detections) > 100
    mean, ap50, by_class = reference(coco_dataset(truths, classes), coco_results(detections))
    curves = PrecisionCurves([match(d, t, 4) for d, t in drawn], 4)
    assert curves.mean() == pytest.approx(mean, abs=1e-9)
    assert curves.mean(threshold=0.5) == pytest.approx(ap50, abs=1e-9)
    assert curves.per_class() == pytest.approx(by_class, abs=1e-9, nan_ok=True)
    summary = coco_evaluate(detections, truths, classes)
    assert summary["AP"] == pytest.approx(mean, abs=1e-9)
    assert [summary[f"class:{c}"] for c in classes] == pytest.approx(by_class, abs=1e-9, nan_ok=True)


def test_pooled_equals_a_picture_per_class(scenes, reference) -> None:  # type: ignore[no-untyped-def]
    """COCO with one category, where each (picture, class) is a picture of its own."""
    drawn = scenes(5, 10, 4)
    alone = [
        (
            Detections(
                d.boxes[d.labels == c], d.scores[d.labels == c], np.zeros((d.labels == c).sum(), np.int64)
            ),
            Truth(*(a[t.labels == c] for a in (t.boxes, t.labels * 0, t.crowd, t.areas))),
        )
        for d, t in drawn
        for c in range(4)
    ]
    mean, _, _ = reference(coco_dataset([t for _, t in alone], ["any"]), coco_results([d for d, _ in alone]))
    assert PrecisionCurves([match(d, t, 4) for d, t in drawn], 4).pooled() == pytest.approx(mean, abs=1e-9)


def test_summary_of_nothing(scenes) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("faster_coco_eval")
    (_, truth), *_ = [s for s in scenes(7, 9, 2) if not s[1].crowd.all()]
    none = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    assert coco_evaluate([none], [truth], ("a", "b"))["AP"] == 0
    empty = Truth(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0))
    assert np.isnan(coco_evaluate([none], [empty], ("a", "b"))["AP"])
    with pytest.raises(ValueError, match="1 pictures for the truth of 2"):
        coco_evaluate([none], [truth, truth], ("a", "b"))
