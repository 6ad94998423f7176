"""ONNX files as detectors: toys with random weights, and the two of the development data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("torchvision")

import onnx_models
import toys

from idse.detectors import COCO_CLASSES, DetectorSettings, load_detector
from idse.detectors.base import Detector
from idse.detectors.onnx import OnnxDetector
from idse.errors import IdseError
from idse.features.heads import Candidates
from idse.metrics.detection import Detections

NAMES = ("a", "b", "c")


def load(path: Path, classes: tuple[str, ...] = NAMES, **settings: object) -> OnnxDetector:
    detector = load_detector(DetectorSettings(str(path), classes=classes, device="cpu", **settings))  # type: ignore[arg-type]
    assert isinstance(detector, OnnxDetector)
    assert isinstance(detector, Detector)
    return detector


def pictures(*sizes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((height, width, 3), dtype=np.float32) for height, width in sizes]


@pytest.mark.parametrize("decoded", [False, True])
def test_layout_classes_and_features_come_from_the_file(tmp_path: Path, decoded: bool) -> None:
    detector = load(toys.yolox(tmp_path / "toy.onnx", decoded=decoded))
    assert detector.layout.name == ("yolox_decoded" if decoded else "yolox")
    assert (detector.name, detector.classes, detector.has_masks) == ("toy", NAMES, False)
    assert detector.head.size == toys.SIZE
    (seen,) = detector.observe(pictures((48, 80)))
    assert [f.shape for f in seen.features] == [(16, 8, 12), (24, 4, 6), (40, 2, 3)]
    found = seen.detections
    assert len(found) > 0
    assert set(found.labels) <= {0, 1, 2}
    assert found.boxes.min() >= 0
    assert (found.boxes <= [80, 48, 80, 48]).all()
    assert detector.identity == json.loads(json.dumps(detector.identity))


def assert_same_objects(a: Detections, b: Detections) -> None:
    """The surest five of each are among the other's: graphs and batches may differ in the last bits of their sums."""
    for one, other in ((a, b), (b, a)):
        for box in one.boxes[np.argsort(-one.scores)[:5]]:
            assert np.abs(other.boxes - box).max(axis=1).min() < 0.05


def test_other_layouts(tmp_path: Path) -> None:
    five = ("a", "b", "c", "d", "e")
    plain = load(toys.nanodet(tmp_path / "n.onnx", 5), five)
    swapped = load(toys.nanodet(tmp_path / "s.onnx", 5, swapped=True), five)
    assert plain.layout.name == swapped.layout.name == "nanodet"
    assert plain.head.bins == 8
    one, other = (d.detect(pictures((64, 96)))[0] for d in (plain, swapped))
    assert len(one) > 0
    assert_same_objects(one, other)
    assert load(toys.yolov8(tmp_path / "v8.onnx")).layout.name == "yolov8"


def test_a_batch_gives_what_single_pictures_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = load(toys.yolox(tmp_path / "toy.onnx", batch="n"), batch=2)
    sizes = []
    run = detector._run
    monkeypatch.setattr(
        detector, "_run", lambda tensor, names: sizes.append(len(tensor)) or run(tensor, names)
    )
    several = pictures((48, 80), (40, 40), (48, 80), (48, 80))
    together = detector.observe(several)
    assert sizes == [2, 1, 1]
    for picture, seen in zip(several, together, strict=True):
        (alone,) = detector.observe([picture])
        for a, b in zip(seen.features, alone.features, strict=True):
            assert a == pytest.approx(b, rel=1e-4, abs=1e-3)
        assert_same_objects(seen.detections, alone.detections)
    # A model for one picture at a time takes them one after another.
    fixed = load(toys.yolox(tmp_path / "fixed.onnx"), batch=4)
    assert np.array_equal(fixed.detect(several)[2].boxes, fixed.detect(several[2:])[0].boxes)
    assert fixed.observe([]) == []


def test_thresholds(tmp_path: Path) -> None:
    path = toys.yolox(tmp_path / "toy.onnx")
    picture = pictures((64, 96))
    own, strict = load(path), load(path, score_threshold=0.2, nms_iou=0.1, name="strict")
    assert (own.identity["score_threshold"], own.identity["nms_iou"]) == (0.01, 0.65)
    many, few = own.detect(picture)[0], strict.detect(picture)[0]
    assert 0 < len(few) < len(many)
    assert few.scores.min() > 0.2
    assert strict.name == "strict"
    assert strict.identity != own.identity


def test_a_file_beside_the_model_declares(tmp_path: Path) -> None:
    path = toys.yolox(tmp_path / "toy.onnx")
    (tmp_path / "toy.onnx.json").write_text('{"nodes": ["s16"], "order": "rgb"}')
    detector = load(path)
    assert [f.shape for f in detector.observe(pictures((64, 96)))[0].features] == [(8, 4, 6)]
    assert detector.identity["preprocess"]["order"] == "rgb"
    (tmp_path / "toy.onnx.json").write_text('{"nodes": ["s17"]}')
    with pytest.raises(IdseError, match=r"toy\.onnx\.json: no tensor 's17' of toy\.onnx"):
        load(path)


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    path = toys.yolox(tmp_path / "toy.onnx")
    (tmp_path / "cut.onnx").write_bytes(path.read_bytes()[:2000])
    other = onnx_models.backbone(tmp_path / "backbone.onnx")
    four = toys.yolox(tmp_path / "four.onnx", batch=4)
    for settings, message in [
        (DetectorSettings(str(tmp_path / "no.onnx")), "cannot read the detector .*no.onnx: No such file"),
        (DetectorSettings(str(tmp_path / "cut.onnx")), "cut.onnx: no ONNX model, or a corrupt one"),
        (DetectorSettings(str(path)), "knows 3 classes, not COCO's 80: name them"),
        (DetectorSettings(str(path), classes=("a", "b")), "knows 3 classes, but 2 are named"),
        (DetectorSettings(str(path), classes=("a", "b", "a")), "the class 'a' is named twice"),
        (DetectorSettings(str(path), layout="yolo"), "unknown layout 'yolo': must be auto, yolox, .*yolov8"),
        (
            DetectorSettings(str(path), layout="nanodet"),
            r"outputs \[126, 8\] .* not those of layout 'nanodet'",
        ),
        (DetectorSettings(str(other)), r"outputs \[8\] have no known layout.*yolox: one output"),
        (DetectorSettings(str(four)), "takes 4 pictures at a time"),
        (DetectorSettings(str(path), weights=path), "an ONNX file holds its weights"),
        (DetectorSettings(str(path), device="tpu"), "device 'tpu': must be cpu, cuda or auto"),
        (DetectorSettings(str(path), score_threshold=5), "score_threshold is 5, but must be 0 to 1"),
        (DetectorSettings(str(path), batch=0), "batch is 0"),
    ]:
        with pytest.raises(IdseError, match=message) as error:
            load_detector(settings)
        assert "\n" not in str(error.value)


def test_scores_that_are_none(tmp_path: Path) -> None:
    """The wrong layout for the same shape: what it takes for scores is none."""
    path = toys.yolov8(tmp_path / "toy.onnx", classes=122)  # as many rows as cells
    detector = load(path, tuple(map(str, range(121))), layout="yolox")
    with pytest.raises(IdseError, match=r"scores outside 0\.\.1: layout 'yolox'"):
        detector.detect([5 * p for p in pictures((64, 96))])


def test_scores_a_rounding_above_one_are_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sigmoids of other processors may end a little above 1: that is no fault of the model."""
    toys.yolox(tmp_path / "toy.onnx")
    detector = load(tmp_path / "toy.onnx", ("one", "two", "three"))
    read = Candidates(
        torch.tensor([[0.0, 0, 9, 9], [20, 20, 29, 29]]), torch.tensor([[1 + 1e-6, -1e-7, 0], [0, 0.7, 0]])
    )
    monkeypatch.setattr(detector.layout.__class__, "decode", lambda self, head, outputs: read)
    found = detector._decode([])
    assert found.scores.tolist() == pytest.approx([1, 0.7])
    assert found.scores.max() == 1


def test_the_development_detectors_see_a_photograph(shared: Path) -> None:
    from idse.devtools.pictures import load_photograph

    frame = load_photograph(shared / "data" / "coco" / "val" / "000000532481.jpg")
    files = [shared / "data" / "detectors" / name for name in ("yolox_nano.onnx", "nanodet_m.onnx")]
    detectors = [load_detector(DetectorSettings(str(file), device="cpu")) for file in files]
    assert [d.name for d in detectors] == ["yolox_nano", "nanodet_m"]
    for detector in detectors:
        assert detector.classes == COCO_CLASSES
        (seen,) = detector.observe([frame.to_rgb(as_float=True)])
        found = seen.detections
        assert np.array_equal(detector.detect([frame.to_rgb(as_float=True)])[0].boxes, found.boxes)
        best = found.select(np.argsort(-found.scores)[:1])
        assert [detector.classes[i] for i in best.labels] == ["kite"]
        assert best.scores[0] > 0.6
        assert [f.shape[1:] for f in seen.features] == [(52, 52), (26, 26), (13, 13)]
