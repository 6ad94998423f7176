"""What detectors' heads report: of ONNX files and of torchvision's models, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="ONNX detectors need onnx")
pytest.importorskip("onnx2torch", reason="ONNX detectors need onnx2torch")
models = pytest.importorskip("torchvision.models", reason="torchvision's detectors need torchvision")

import toys  # noqa: E402

from idse.errors import IdseError  # noqa: E402
from idse.features.heads import HeadExtractor, HeadOutputs  # noqa: E402
from idse.features.loading import load_extractor  # noqa: E402
from idse.features.onnx import OnnxExtractor  # noqa: E402
from idse.features.torchvision_models import TorchvisionExtractor  # noqa: E402
from idse.importance.detection_metric import METRICS, DetectionMetric  # noqa: E402
from idse.importance.estimate import estimate_map  # noqa: E402
from idse.importance.maker import ImportanceSettings, MapMaker  # noqa: E402
from idse.importance.targets import target_function  # noqa: E402
from idse.media.frame import Frame  # noqa: E402

SSDLITE = "ssdlite320_mobilenet_v3_large"
SMALL = "fasterrcnn_mobilenet_v3_large_320_fpn"
KINDS = ("yolox", "yolox_decoded", "nanodet", "yolov8", "named", "ssdlite", "retinanet", "fcos", "faster", "mask")
TWO_STAGES = ("faster", "mask", "keypoint")

ONNX: dict[str, Callable[[Path], Path]] = {
    "yolox": toys.yolox,
    "yolox_decoded": partial(toys.yolox, decoded=True),
    "nanodet": toys.nanodet,
    "yolov8": toys.yolov8,
    "named": toys.named,
}


def picture(seed: int = 0, height: int = 48, width: int = 64) -> torch.Tensor:
    """A smooth random picture."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 8, width // 8, generator=rng)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


def small_model(kind: str) -> Any:
    """A detector for three labels, with random weights and statistics of batch normalisation."""
    from torchvision.models import detection
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.backbone_utils import mobilenet_backbone

    torch.manual_seed(0)
    if kind == "ssdlite":
        model = models.get_model(SSDLITE, weights=None, weights_backbone=None, num_classes=3)
    else:
        backbone = mobilenet_backbone(
            backbone_name="mobilenet_v3_large",
            weights=None,
            fpn=True,
            trainable_layers=6,
            norm_layer=torch.nn.BatchNorm2d,  # frozen statistics of random weights let no signal through
        )
        made = {
            "retinanet": detection.RetinaNet,
            "fcos": detection.FCOS,
            "faster": detection.FasterRCNN,
            "mask": detection.MaskRCNN,
            "keypoint": detection.KeypointRCNN,
        }[kind]
        shapes = ((1.0,),) * 3 if kind == "fcos" else ((0.5, 1.0, 2.0),) * 3
        anchors = AnchorGenerator(((16,), (32,), (64,)), shapes)
        further = {"rpn_anchor_generator" if kind in TWO_STAGES else "anchor_generator": anchors}
        model = made(backbone, num_classes=3, min_size=64, max_size=96, **further)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over what was seen
    shown = {
        "boxes": torch.tensor([[4.0, 4, 40, 40]]),
        "labels": torch.tensor([1]),
        "masks": torch.ones(1, 48, 64),
        "keypoints": torch.ones(1, 17, 3),
    }
    with torch.no_grad():
        model.train()([picture(1)[0], picture(2)[0]], [shown, shown])
        # The heads start so near 0 that all places are alike, and that hardly any gradient comes back.
        heads = model.rpn.head if kind in TWO_STAGES else model.head
        for module in heads.modules() if kind != "ssdlite" else ():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight).mul_(0.5)
                torch.nn.init.zeros_(module.bias)
    return model.eval()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Makes an extractor of a kind."""

    def make(kind: str) -> Any:
        if kind in ONNX:
            path = ONNX[kind](tmp_path / "toy.onnx")
            if kind != "named":  # the weights are for such an input: with another, sizes overflow
                Path(f"{path}.json").write_text('{"scale": 1, "mean": 0, "std": 1}')
            return OnnxExtractor(path)
        model = small_model(kind)
        monkeypatch.setattr("idse.features.torchvision_models.model_with_own_weights", lambda name: model)
        return TorchvisionExtractor(kind)

    return make


@pytest.mark.parametrize("kind", [*KINDS, "keypoint"])
def test_maps_of_every_target(load: Callable[[str], Any], kind: str) -> None:
    extractor = load(kind)
    assert isinstance(extractor, HeadExtractor)
    rgb = (picture()[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    frames = [Frame.from_rgb(rgb)]
    found = {}
    for target in ("features", "detections", "both"):
        settings = ImportanceSettings(detector=kind, target=target, proj_dim=2)
        weights = MapMaker(settings, load_extractor=lambda *_: extractor)(frames)
        assert weights is not None
        assert weights.planes.shape == (1, 3, 6, 8)
        assert (weights.planes > 0).mean() > 0.5
        found[target] = weights.planes[0, 0] / weights.planes[0, 0].mean()
    assert not np.allclose(found["features"], found["detections"], rtol=0.1)
    middle = (found["features"] + found["detections"]) / 2
    np.testing.assert_allclose(found["both"], middle, rtol=1e-3)


def in_double(extractor: Any) -> None:
    if isinstance(extractor, OnnxExtractor):
        extractor.heads(torch.zeros(1, 3, 48, 64))._network.double()
    else:
        extractor._model.double()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["default", "fisher"])
def test_gradients_are_those_of_differences(load: Callable[[str], Any], kind: str, metric: str) -> None:
    """The derivative of a random combination of the metric's values along a random direction, in float64."""
    extractor = load(kind)
    in_double(extractor)
    reference = picture().double()
    function = target_function(extractor, "detections", reference, METRICS[metric])
    rng = torch.Generator().manual_seed(5)
    x = (reference + 0.05 * torch.randn(reference.shape, generator=rng, dtype=torch.float64)).requires_grad_()
    values = function(x)
    assert all(value.dtype == torch.float64 for value in values)
    factors = [torch.randn(value.shape, generator=rng, dtype=torch.float64) for value in values]

    def combined(outputs: list[torch.Tensor]) -> torch.Tensor:
        return sum((f * o).sum() for f, o in zip(factors, outputs, strict=True))  # type: ignore[return-value]

    (gradient,) = torch.autograd.grad(combined(values), x)
    direction = torch.randn(x.shape, generator=rng, dtype=torch.float64)
    step = 1e-9  # larger steps cross kinks of ReLUs
    with torch.no_grad():
        ends = [combined(function(x + sign * step * direction)).item() for sign in (1, -1)]
    assert (gradient * direction).sum().item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-3)


def test_anchors_are_what_the_model_reports(load: Callable[[str], Any]) -> None:
    for kind in ("ssdlite", "retinanet", "fcos"):
        extractor = load(kind)
        (stage,) = extractor.heads(picture())(picture()).stages
        extractor._model.score_thresh = 0.0
        with torch.no_grad():
            found = extractor._model([picture()[0]])[0]
        assert found["scores"][0].item() == pytest.approx(stage.scores.max().item(), rel=1e-4)
        best = stage.boxes[stage.scores.amax(1).argmax()]
        placement, (rows, columns) = extractor.placement(64, 48)
        scale = torch.tensor([placement.scale_x, placement.scale_y] * 2)
        inside = best.clamp(min=0).minimum(torch.tensor([columns, rows] * 2))
        assert (found["boxes"] * scale - inside).abs().amax(1).min().item() < 0.5


def test_stages_are_what_the_model_goes_through(load: Callable[[str], Any]) -> None:
    """Anchors are in the order of the model's own; its detections are among those of the second stage."""
    from torchvision.models.detection.rpn import concat_box_prediction_layers

    extractor = load("mask")
    model = extractor._model
    x = picture()
    outputs: HeadOutputs = extractor.heads(x)(x)
    first, second = outputs.stages
    assert first.scores.shape[1] == second.scores.shape[1] == 1
    with torch.no_grad():
        images, _ = model.transform(list(x))
        levels = model.backbone(images.tensors)
        (proposals,), _ = model.rpn(images, levels)
        (found,), _ = model.roi_heads(levels, [proposals], images.image_sizes)
        anchors = model.rpn.anchor_generator(images, list(levels.values()))
        logits, codes = concat_box_prediction_layers(*model.rpn.head(list(levels.values())))
        boxes = model.rpn.box_coder.decode(codes, anchors)[:, 0]
    torch.testing.assert_close(first.scores, logits.sigmoid())
    torch.testing.assert_close(first.boxes, boxes, rtol=1e-4, atol=1e-3)
    assert len(second.scores) == 2 * min(len(proposals), 256)
    assert (second.scores[:, 0] - found["scores"][0]).abs().min().item() < 1e-5
    assert outputs.masks is not None
    torch.testing.assert_close(outputs.masks, found["masks"][:, 0], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(outputs.mask_scores, found["scores"])


def test_proposals_are_the_references(load: Callable[[str], Any]) -> None:
    """A second stage that moves no box gives back the proposals: those of the reference, for any picture."""
    extractor = load("faster")
    predictor = extractor._model.roi_heads.box_predictor.bbox_pred
    torch.nn.init.zeros_(predictor.weight)
    torch.nn.init.zeros_(predictor.bias)
    one, other = picture(0), picture(3)
    with torch.no_grad():
        same, fixed, own = (extractor.heads(a)(b) for a, b in ((one, one), (one, other), (other, other)))
    assert torch.equal(same.stages[1].boxes, fixed.stages[1].boxes)
    assert not torch.equal(same.stages[1].scores, fixed.stages[1].scores)
    assert not torch.equal(own.stages[1].boxes[:4], fixed.stages[1].boxes[:4])
    assert not torch.equal(same.stages[0].boxes, fixed.stages[0].boxes)
    assert same.masks is None


def test_masks_count(load: Callable[[str], Any]) -> None:
    extractor = load("mask")
    x = picture()
    heads = extractor.heads(x)
    assert heads(x).masks.shape == heads(picture(3)).masks.shape
    assert heads(x).masks.shape[1:] == (28, 28)
    only = DetectionMetric(score_weight=0, box_weight=0)
    y = picture(3).requires_grad_()
    sum(value.square().sum() for value in target_function(extractor, "detections", x, only)(y)).backward()
    assert y.grad is not None
    assert y.grad.abs().max() > 0
    extractor._model.roi_heads.score_thresh = 1.0  # now nothing is found
    assert extractor.heads(x)(x).masks is None


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = models.get_model(SMALL, weights=None, weights_backbone=None, num_classes=4)
    path = tmp_path_factory.mktemp("weights") / "whole.pth"
    torch.save(model.state_dict(), path)
    return path


def test_heads_of_a_state_dict(whole: Path, tmp_path: Path) -> None:
    """They have the file's number of classes; features stay those of the backbone, of files without heads too."""
    state = torch.load(whole, weights_only=True)
    part = tmp_path / "part.pth"
    torch.save({key: value for key, value in state.items() if key.startswith("backbone.")}, part)
    x = picture()
    extractor, backbone = (load_extractor(SMALL, weights=path, device="cpu") for path in (whole, part))
    assert isinstance(extractor, HeadExtractor)
    before = extractor.features(x)
    outputs = extractor.heads(x)(x)
    proposals = len(outputs.stages[1].scores) / 3
    assert proposals == int(proposals) > 0
    for found in (extractor.features(x), backbone.features(x)):
        assert all(torch.equal(a, b) for a, b in zip(found, before, strict=True))
    assert isinstance(backbone, HeadExtractor)
    with pytest.raises(IdseError, match=r"part\.pth: holds no 'roi_heads.*choose --target features") as error:
        backbone.heads(x)
    assert "\n" not in str(error.value)
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[10:30, 10:30] = 200
    assert estimate_map([Frame.from_rgb(rgb)], extractor=backbone, proj_dim=2).planes.shape == (1, 3, 6, 8)


def test_a_file_that_changes(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(whole.read_bytes())
    extractor = load_extractor(SMALL, weights=path, device="cpu")
    state = torch.load(path, weights_only=True)
    state["rpn.head.cls_logits.bias"] += 1
    torch.save(state, path)
    assert isinstance(extractor, HeadExtractor)
    with pytest.raises(IdseError, match=r"mine\.pth: the file has changed"):
        extractor.heads(picture())
