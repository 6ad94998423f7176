"""ONNX detectors whose outputs the file beside them names: what maps and measurements read from them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="ONNX detectors need onnx")
pytest.importorskip("onnx2torch", reason="ONNX detectors need onnx2torch")
pytest.importorskip("onnxruntime", reason="measuring needs onnxruntime")
pytest.importorskip("torchvision", reason="NMS needs torchvision")

import onnx_models
import toys

from idse.detectors import DetectorSettings
from idse.detectors.onnx import OnnxDetector
from idse.errors import IdseError
from idse.features.layouts import Head
from idse.features.named_outputs import NamedOutputs
from idse.features.onnx import OnnxExtractor
from idse.learned.tasks import TaskSettings, load_task

NAMES = ("a", "b", "c")


def read(layout: NamedOutputs, scores: list[list[float]], boxes: list[list[float]]) -> tuple[object, object]:
    """Boxes and scores for an input 20 high and 40 wide."""
    outputs = [torch.tensor(scores), torch.tensor(boxes)]
    head = layout.head((20, 40), [tuple(o.shape) for o in outputs], 80)
    assert head is not None
    found = layout.decode(head, outputs)
    assert found.scores.shape[1] == head.classes
    return found.boxes.tolist(), found.scores.tolist()


def test_boxes_by_hand() -> None:
    corners = [[10.0, 5, 30, 15]]
    relative = [[0.25, 0.25, 0.75, 0.75]]
    assert read(NamedOutputs("s", "b"), [[0.5, 0.25]], corners) == (corners, [[0.5, 0.25]])
    assert read(NamedOutputs("s", "b", units="relative"), [[0.5]], relative)[0] == corners
    assert read(NamedOutputs("s", "b", "centre"), [[0.5]], [[20.0, 10, 20, 10]])[0] == corners
    assert read(NamedOutputs("s", "b", "centre", "relative"), [[0.5]], [[0.5, 0.5, 0.5, 0.5]])[0] == corners


def test_scores_by_hand() -> None:
    boxes = [[0.0, 0, 1, 1]]
    third = np.log(3.0)

    def scores(values: list[float], **fields: object) -> list[float]:
        return read(NamedOutputs("s", "b", **fields), [values], boxes)[1][0]  # type: ignore[arg-type, index, return-value]

    assert scores([third, 0.0], scores_are="logits") == pytest.approx([0.75, 0.5])
    assert scores([third, 0.0], scores_are="softmax") == pytest.approx([0.75, 0.25])
    assert scores([third, 0.0], scores_are="softmax", background="last") == pytest.approx([0.75])
    assert scores([0.5, 0.25, 0.125], background="first") == [0.25, 0.125]


def test_either_axis_may_be_the_places() -> None:
    layout = NamedOutputs("s", "b")
    scores, boxes = torch.rand(7, 3), torch.rand(7, 4)
    for s in (scores, scores.T):
        for b in (boxes, boxes.T):
            head = layout.head((20, 40), [tuple(s.shape), tuple(b.shape)], 3)
            assert head == Head((20, 40), (), 3)
            found = layout.decode(head, [s, b])
            assert torch.equal(found.scores, scores)
            assert torch.equal(found.boxes, boxes)
    assert layout.head((20, 40), [(7, 3), (6, 4)], 3) is None
    assert layout.head((20, 40), [(7, 3), (7, 5)], 3) is None
    assert layout.head((20, 40), [(7, 3), (7,)], 3) is None
    assert NamedOutputs("s", "b", background="last").head((20, 40), [(7, 1), (7, 4)], 3) is None


@pytest.mark.parametrize("rows", [True, False])
def test_maps_and_measurements_read_the_same(tmp_path: Path, rows: bool) -> None:
    """The candidates of the extractor, in the picture's samples and after NMS, are the detector's detections."""
    path = toys.named(tmp_path / "toy.onnx", rows=rows, declared={"nms_iou": 1, "score_threshold": 0.4})
    detector = OnnxDetector(DetectorSettings(str(path), classes=NAMES, device="cpu"))
    assert (detector.layout.name, detector.head.classes) == ("named", 3)
    assert detector.identity == json.loads(json.dumps(detector.identity))
    assert (detector.identity["nms_iou"], detector.identity["score_threshold"]) == (1, 0.4)
    assert detector.identity["outputs"]["scores"] == "all.logits"
    rng = np.random.default_rng(0)
    rgb = rng.random((64, 96, 3), dtype=np.float32)
    (seen,) = detector.observe([rgb])
    extractor = OnnxExtractor(path)
    assert extractor.preprocess == detector.preprocess
    assert extractor.description["declared"]["outputs"]["boxes"] == "all.boxes"
    x = torch.from_numpy(rgb).permute(2, 0, 1)[None]
    (stage,) = extractor.heads(x)(x).stages
    above = stage.scores > 0.4
    assert above.any()
    assert len(seen.detections) == above.sum().item()
    order = np.argsort(seen.detections.scores)
    assert seen.detections.scores[order] == pytest.approx(np.sort(stage.scores[above].numpy()), abs=1e-4)
    best = stage.boxes[stage.scores.amax(1).argmax()].numpy()
    assert seen.detections.boxes[order[-1]] == pytest.approx(best.clip(0, [96, 64, 96, 64]), abs=0.05)
    assert [f.shape[1:] for f in seen.features] == [tuple(f.shape[2:]) for f in extractor.features(x)]


def test_a_loss_reads_them_too(tmp_path: Path) -> None:
    path = toys.named(tmp_path / "toy.onnx")
    task = load_task(TaskSettings(str(path), loss="detections", classes=3), torch.device("cpu"))
    rng = torch.Generator().manual_seed(0)
    x, y = (torch.rand(1, 3, 64, 96, generator=rng) for _ in range(2))
    assert task(x, x).item() == pytest.approx(0, abs=1e-3)
    assert task(y, x).item() > 1e-3


def test_a_declared_layout(tmp_path: Path) -> None:
    """It holds for maps and for measurements, and its input with it."""
    path = toys.yolov8(tmp_path / "toy.onnx", classes=122)  # its shape is that of YOLOX too
    sidecar = tmp_path / "toy.onnx.json"
    sidecar.write_text('{"layout": "yolox"}')
    settings = DetectorSettings(str(path), classes=tuple(map(str, range(121))), device="cpu")
    detector, extractor = OnnxDetector(settings), OnnxExtractor(path)
    assert detector.layout.name == "yolox"
    heads = extractor.heads(torch.zeros(1, 3, 64, 96))
    assert (heads.layout.name, heads.head.classes) == ("yolox", 121)
    assert extractor.preprocess == detector.preprocess
    assert extractor.preprocess.order == "bgr"


def test_without_a_declaration(tmp_path: Path) -> None:
    """Features need none; heads say what to do."""
    path = onnx_models.backbone(tmp_path / "toy.onnx")
    extractor = OnnxExtractor(path)
    x = torch.rand(1, 3, 64, 64)
    assert len(extractor.features(x)) == 3
    with pytest.raises(
        IdseError, match=r"no known layout; declare layout or outputs in .*toy\.onnx\.json .*--target features$"
    ):
        extractor.heads(x)


WRONG = [
    ({"scores": "all.logits"}, "outputs: boxes must be the name of a tensor"),
    ({"scores": "all.boxes", "boxes": "all.boxes"}, "outputs: scores and boxes are both 'all.boxes'; name two tensors"),
    ({"scores": 3, "boxes": "all.boxes"}, "outputs: scores must be the name of a tensor"),
    (
        {"scores": "best2", "boxes": "all.boxes"},
        r"outputs: no tensor 'best2' of toy\.onnx depends on the picture; its outputs are best$",
    ),
    (
        {"scores": "all.logits", "boxes": "f8"},
        r"outputs: all\.logits and f8 are \[126, 3\], \[\d+, 8, 12\], but must be scores \[places, classes\]",
    ),
    ({"scores": "s", "boxes": "b", "box": 1}, "outputs: field 'box' is unknown; known are scores, boxes, boxes_are"),
    ({"scores": "s", "boxes": "b", "units": "metres"}, "outputs: units 'metres': must be one of samples, relative"),
    ({"scores": "s", "boxes": "b", "nms_iou": 2}, r"outputs: nms_iou 2: must be 0\.\.1"),
    (["scores"], "outputs: must be an object with scores, boxes"),
]


@pytest.mark.parametrize(("outputs", "message"), WRONG)
def test_wrong_declarations(tmp_path: Path, outputs: object, message: str) -> None:
    path = toys.named(tmp_path / "toy.onnx")
    sidecar = tmp_path / "toy.onnx.json"
    sidecar.write_text(json.dumps({"outputs": outputs}))
    settings = DetectorSettings(str(path), classes=NAMES, device="cpu")
    for use in (lambda: OnnxDetector(settings), lambda: OnnxExtractor(path).heads(torch.zeros(1, 3, 64, 96))):
        with pytest.raises(IdseError, match=r"toy\.onnx\.json: " + message.removesuffix("$")) as error:
            use()
        assert "\n" not in str(error.value)


def test_two_declarations_or_an_unknown_layout(tmp_path: Path) -> None:
    path = toys.yolov8(tmp_path / "toy.onnx")
    sidecar = tmp_path / "toy.onnx.json"
    for text, message in (
        ('{"layout": "yolov8", "outputs": {}}', "declare layout or outputs, not both"),
        ('{"layout": "yolo"}', "layout 'yolo': must be one of yolox, yolox_decoded, nanodet, yolov8"),
    ):
        sidecar.write_text(text)
        with pytest.raises(IdseError, match=message):
            OnnxExtractor(path)
