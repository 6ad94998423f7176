"""The distance of detections, by hand, and the functions of targets."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from toy import ToyExtractor

pytest.importorskip("torchvision", reason="rivals are found with torchvision's IoU")

from idse.errors import IdseError
from idse.features.heads import Candidates, HeadOutputs
from idse.importance.detection_metric import METRICS, DetectionMetric
from idse.importance.targets import target_function

BOXES = torch.tensor([[0.0, 0, 10, 20], [30, 30, 34, 34], [0, 0, 10, 19]])
SCORES = torch.tensor([[0.64, 0.1], [0.0, 0.25], [0.32, 0.0]])
REFERENCE = HeadOutputs((Candidates(BOXES, SCORES),))
"""An object of 10x20 with a weaker candidate on it, and a small one of 4x4, whose sides count as 8."""


def distance(metric: DetectionMetric, outputs: HeadOutputs, reference: HeadOutputs = REFERENCE) -> float:
    apply = metric.function(reference)
    return sum(
        (a - b).square().sum().item() for a, b in zip(apply(outputs), apply(reference), strict=True)
    )


def scored(place: int, kind: int, change: float) -> HeadOutputs:
    scores = SCORES.clone()
    scores[place, kind] += change
    return HeadOutputs((Candidates(BOXES, scores),))


def moved(place: int, side: int, change: float) -> HeadOutputs:
    boxes = BOXES.clone()
    boxes[place, side] += change
    return HeadOutputs((Candidates(boxes, SCORES),))


def test_scores_and_boxes() -> None:
    metric = DetectionMetric()
    assert distance(metric, REFERENCE) == 0
    assert distance(metric, scored(0, 1, 0.2)) == pytest.approx(0.04)
    assert distance(metric, moved(0, 0, 1)) == pytest.approx(0.64 / 10**2, rel=1e-4)
    assert distance(metric, moved(0, 2, 2)) == pytest.approx(0.64 * 4 / 10**2, rel=1e-4)
    assert distance(metric, moved(0, 3, 1)) == pytest.approx(0.64 / 20**2, rel=1e-4)
    assert distance(metric, moved(1, 1, 1)) == pytest.approx(0.25 / 8**2, rel=1e-4)  # its second class is its best


def test_masks() -> None:
    masks = torch.full((2, 2, 3), 0.4)
    known = replace(REFERENCE, masks=masks, mask_scores=torch.tensor([0.9, 0.36]))
    other = masks.clone()
    other[1, 0, 0] = 0.9
    changed = replace(known, masks=other)
    assert distance(DetectionMetric(), changed, known) == pytest.approx(0.36 * 0.25 / 6, rel=1e-4)
    assert distance(DetectionMetric(mask_weight=3), changed, known) == pytest.approx(0.36 * 0.25 * 1.5, rel=1e-4)
    assert distance(DetectionMetric(mask_weight=0), changed, known) == 0


def test_stages_add_up() -> None:
    both = HeadOutputs(REFERENCE.stages * 2)
    changed = HeadOutputs(scored(0, 0, 0.1).stages + moved(0, 0, 1).stages)
    assert distance(DetectionMetric(), changed, both) == pytest.approx(0.01 + 0.0064, rel=1e-4)


def margin(score: float) -> float:
    return torch.tensor((score - 0.5) * 12).sigmoid().item()


VARIANTS = {
    # name: the distances of a score that goes from .64 to .65, of one from .32 to .34, and of x0 that moves by 1
    "default": (1e-4, 4e-4, 0.0064),
    "scores": (1e-4, 4e-4, 0),
    "boxes": (0, 0, 0.0064),
    "boxes-2": (1e-4, 4e-4, 0.0256),
    "boxes-half": (1e-4, 4e-4, 0.0016),
    "fisher": (1e-4 / (0.645 * 0.355), 4e-4 / (0.33 * 0.67), 0.0064),
    "margin": ((margin(0.65) - margin(0.64)) ** 2, (margin(0.34) - margin(0.32)) ** 2, 0.0064),
    "rivals": (1e-4, 4e-4 / 4, 0.0064),  # the third candidate has half the score of the first, which it overlaps
}


@pytest.mark.parametrize("name", METRICS)
def test_variants(name: str) -> None:
    metric = METRICS[name]
    found = [distance(metric, o) for o in (scored(0, 0, 0.01), scored(2, 0, 0.02), moved(0, 0, 1))]
    assert found == pytest.approx(VARIANTS[name], rel=2e-3, abs=1e-9)


def test_rivals_count_by_their_standing() -> None:
    rivals = METRICS["rivals"]
    assert distance(rivals, moved(2, 0, 1)) == pytest.approx(0.32 / 10**2 / 4, rel=1e-4)
    assert distance(rivals, moved(1, 0, 1)) == pytest.approx(0.25 / 8**2, rel=1e-4)  # it has no rival
    faint = HeadOutputs((Candidates(BOXES, torch.tensor([[0.64, 0], [0.25, 0], [0.01, 0]])),))
    brighter = HeadOutputs((Candidates(BOXES, torch.tensor([[0.64, 0], [0.25, 0], [0.11, 0]])),))
    assert distance(rivals, brighter, faint) == pytest.approx(0.01, rel=1e-4)  # too faint to be suppressed


def test_what_an_object_is_worth_is_constant() -> None:
    """Boxes' parts have no gradient through the scores and sides of the reference, even where it is the picture."""
    boxes, scores = BOXES.clone().requires_grad_(), SCORES.clone().requires_grad_()
    outputs = HeadOutputs((Candidates(boxes, scores),))
    _, part = DetectionMetric().function(outputs)(outputs)
    by_boxes, by_scores = torch.autograd.grad(part.sum(), (boxes, scores), allow_unused=True)
    assert by_scores is None
    assert by_boxes[0].tolist() == pytest.approx([0.08, 0.04, 0.08, 0.04])


class ToyDetector(ToyExtractor):
    """Its one candidate is a mean of the picture; its boxes are those of the reference, moved by the difference."""

    def heads(self, reference: torch.Tensor) -> object:
        def apply(rgb: torch.Tensor) -> HeadOutputs:
            moved_by = (rgb - reference).mean() * 10
            return HeadOutputs((Candidates(BOXES[:1] + moved_by, rgb.mean()[None, None]),))

        return apply


def test_target_functions() -> None:
    x = torch.full((1, 3, 8, 8), 0.25)
    y = x + 0.1
    toy = ToyDetector()
    for found, wanted in zip(target_function(toy, "features", x)(y), toy.features(y), strict=True):
        assert torch.equal(found, wanted)
    for metric, wanted_distance in (
        (None, 0.01 + 2 * 0.25 * (1 / 10**2 + 1 / 20**2)),
        (METRICS["scores"], 0.01),
    ):
        function = target_function(toy, "detections", x, metric)
        found_distance = sum(
            (a - b).square().sum().item() for a, b in zip(function(y), function(x), strict=True)
        )
        assert found_distance == pytest.approx(wanted_distance, rel=1e-4)
    with pytest.raises(IdseError, match="toy: has features only, no boxes and scores; choose --target features"):
        target_function(ToyExtractor(), "detections", x)
