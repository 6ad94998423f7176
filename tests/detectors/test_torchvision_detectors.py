"""torchvision's models with random weights, saved as a user's own or put where torchvision keeps its own."""

from __future__ import annotations

import json
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch

models = pytest.importorskip("torchvision.models")

from idse.detectors import COCO_CLASSES, DetectorSettings, load_detector  # noqa: E402
from idse.detectors.base import Detector  # noqa: E402
from idse.detectors.torchvision_models import TorchvisionDetector, class_table  # noqa: E402
from idse.errors import IdseError  # noqa: E402

FASTER, SSD = "fasterrcnn_mobilenet_v3_large_320_fpn", "ssdlite320_mobilenet_v3_large"
NAMES = ("cat", "dog", "hen")


def saved(folder: Path, name: str, labels: int) -> Path:
    torch.manual_seed(0)
    model = models.get_model(name, weights=None, weights_backbone=None, num_classes=labels)
    path = folder / f"{name}.pth"
    torch.save(model.state_dict(), path)
    return path


def load(model: str, **settings: object) -> TorchvisionDetector:
    detector = load_detector(DetectorSettings(model, device="cpu", **settings))  # type: ignore[arg-type]
    assert isinstance(detector, TorchvisionDetector)
    assert isinstance(detector, Detector)
    return detector


def pictures(*sizes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((height, width, 3), dtype=np.float32) for height, width in sizes]


@pytest.fixture(scope="module")
def faster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("weights"), FASTER, 4)


def test_a_users_own_model(faster: Path) -> None:
    detector = load(FASTER, weights=faster, classes=NAMES, batch=2)
    assert (detector.name, detector.classes, detector.has_masks) == (FASTER, NAMES, False)
    assert detector.identity == json.loads(json.dumps(detector.identity))
    assert (detector.identity["score_threshold"], detector.identity["nms_iou"]) == (0.05, 0.5)
    several = pictures((60, 90), (40, 64), (60, 90))
    together = detector.observe(several)
    for picture, seen in zip(several, together, strict=True):
        (alone,) = detector.observe([picture])
        assert [f.ndim for f in seen.features] == [3, 3]
        for a, b in zip(seen.features, alone.features, strict=True):
            assert a == pytest.approx(b, abs=1e-3)
        height, width = picture.shape[:2]
        found = seen.detections
        assert len(found) > 0
        assert set(found.labels) <= {0, 1, 2}
        assert (found.boxes <= [width, height] * 2).all()
        assert found.masks is None
        again = detector.detect([picture])[0]
        assert np.array_equal(again.boxes, alone.detections.boxes)
    assert detector.detect([]) == []


def test_features_are_the_extractors(faster: Path) -> None:
    from idse.features.loading import load_extractor

    picture = pictures((60, 90))[0]
    (seen,) = load(FASTER, weights=faster, classes=NAMES).observe([picture])
    extractor = load_extractor(FASTER, weights=faster, device="cpu")
    wanted = extractor.features(torch.from_numpy(picture.transpose(2, 0, 1))[None])
    for level, expected in zip(seen.features, wanted, strict=True):
        assert np.array_equal(level, expected[0].numpy())


def test_thresholds_reach_the_model(faster: Path) -> None:
    picture = pictures((60, 90))
    own = load(FASTER, weights=faster, classes=NAMES)
    strict = load(FASTER, weights=faster, classes=NAMES, score_threshold=0.25, nms_iou=0.1)
    many, few = own.detect(picture)[0], strict.detect(picture)[0]
    assert 0 < len(few) < len(many)
    assert few.scores.min() > 0.25
    assert (strict.identity["score_threshold"], strict.identity["nms_iou"]) == (0.25, 0.1)


def test_masks_are_run_lengths_of_the_picture(tmp_path: Path) -> None:
    mask = pytest.importorskip("faster_coco_eval.core").mask
    name = "maskrcnn_resnet50_fpn"
    detector = load(name, weights=saved(tmp_path, name, 3), classes=("a", "b"), score_threshold=0.1)
    detector._model.transform.min_size = (64,)
    detector._model.roi_heads.detections_per_img = 4
    assert detector.has_masks
    picture = pictures((50, 70))
    found = detector.detect(picture)[0]
    assert 0 < len(found) <= 4
    assert found.masks is not None
    pasted = detector._run(picture)[0]["masks"][:, 0].numpy() > 0.5
    for rle, box, expected in zip(found.masks, found.boxes, pasted, strict=True):
        assert rle["size"] == [50, 70]
        raster = mask.decode(rle).astype(bool)
        assert np.array_equal(raster, expected)
        rows, columns = np.nonzero(raster)
        assert columns.min() >= box[0] - 1.5
        assert rows.max() <= box[3] + 1.5
    strict = load(name, weights=tmp_path / f"{name}.pth", classes=("a", "b"), score_threshold=1.0)
    strict._model.transform.min_size = (64,)
    assert strict.detect(picture)[0].masks == ()


def test_torchvisions_own_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its cache, with COCO's names; where there are none, one line says so."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def no_network(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", no_network)
    with pytest.raises(IdseError, match=r"not in torchvision's cache and cannot be downloaded.*no network"):
        load(SSD)
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True, exist_ok=True)
    saved(tmp_path, SSD, 91).rename(cache / Path(models.get_model_weights(SSD).DEFAULT.url).name)
    detector = load(SSD, score_threshold=0.005, name="light")
    assert detector.classes == COCO_CLASSES
    assert detector.name == "light"
    (seen,) = detector.observe(pictures((60, 90)))
    assert [f.shape[1:] for f in seen.features] == [(s, s) for s in (20, 10, 5, 3, 2, 1)]
    assert len(seen.detections) > 0
    raw = detector._run(pictures((60, 90)))[0]
    names = models.get_model_weights(SSD).DEFAULT.meta["categories"]
    named = [names[i] for i in raw["labels"] if names[i] != "N/A"]
    assert [COCO_CLASSES[i] for i in seen.detections.labels] == named
    with pytest.raises(IdseError, match="knows 80 classes, but 3 are named"):
        load(SSD, classes=NAMES)


def test_names_of_labels() -> None:
    coco = models.get_model_weights(SSD).DEFAULT.meta["categories"]
    file = Path("w.pth")

    def table(classes: tuple[str, ...], count: int, background: bool) -> tuple[tuple[str, ...], list[int]]:
        settings = DetectorSettings("m", weights=file, classes=classes)
        names, numbers = class_table(settings, coco, count, background)
        return names, numbers.tolist()

    names, numbers = table((), 91, True)
    assert names == COCO_CLASSES
    assert [numbers[i] for i in (0, 1, 11, 12, 13, 90)] == [-1, 0, 10, -1, 11, 79]
    assert table((), 81, True) == (COCO_CLASSES, [-1, *range(80)])
    assert table((), 80, False) == (COCO_CLASSES, list(range(80)))
    assert table(NAMES, 4, True) == (NAMES, [-1, 0, 1, 2])
    assert table(NAMES, 4, False) == (NAMES, [-1, 0, 1, 2])
    assert table(NAMES, 3, False) == (NAMES, [0, 1, 2])
    with pytest.raises(IdseError, match="m knows 2 classes, but 3 are named"):
        table(NAMES, 3, True)
    with pytest.raises(IdseError, match="m knows 3 classes, not COCO's 80: name them"):
        table((), 4, True)


@pytest.mark.parametrize("name", ["retinanet_resnet50_fpn", "fcos_resnet50_fpn"])
def test_one_stage_models(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, name, 3)
    detector = load(name, weights=path, classes=NAMES, score_threshold=0.001)
    detector._model.transform.min_size = (64,)
    (seen,) = detector.observe(pictures((50, 70)))
    assert len(seen.features) == 3
    assert len(seen.detections) > 0
    assert set(seen.detections.labels) <= {0, 1, 2}
    assert load(name, weights=path, classes=NAMES[:2]).classes == NAMES[:2]  # label 0 a background


def test_published_files_run_without_the_epsilon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is torchvision's own gives what torchvision makes of it."""
    import hashlib

    name = "retinanet_resnet50_fpn"
    path = saved(tmp_path, name, 91)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    kept = cache / Path(models.get_model_weights(name).DEFAULT.url).name
    kept.symlink_to(path)
    own = load(name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    plain = load(name, weights=path)
    url = f"https://nowhere/retinanet-{digest[:8]}.pth"
    monkeypatch.setattr(type(models.get_model_weights(name).DEFAULT), "url", url)
    published = load(name, weights=path)
    picture = pictures((32, 40))
    for detector in (own, plain, published):
        detector._model.transform.min_size = (32,)
    a, b, c = (d.observe(picture)[0].features[0] for d in (own, plain, published))
    assert c == pytest.approx(a, rel=1e-4, abs=1e-6)
    assert np.abs(c - a).max() < np.abs(b - a).max()


def test_what_does_not_fit_is_said(tmp_path: Path, faster: Path) -> None:
    state = torch.load(faster, weights_only=True)
    backbone = {k: v for k, v in state.items() if k.startswith("backbone.")}
    torch.save(backbone, tmp_path / "backbone.pth")
    torch.save({k: v for k, v in state.items() if "rpn" not in k}, tmp_path / "part.pth")
    (tmp_path / "text.pth").write_text("no weights")
    for settings, message in [
        (
            DetectorSettings("fasterrcnn"),
            "unknown detector 'fasterrcnn': must be an .onnx file or one of faster",
        ),
        (
            DetectorSettings(FASTER, weights=tmp_path / "no.pth"),
            "cannot read the weights .*no.pth: No such file",
        ),
        (DetectorSettings(FASTER, weights=tmp_path / "text.pth"), "not a state dict that torch can load"),
        (
            DetectorSettings(FASTER, weights=tmp_path / "backbone.pth"),
            "holds no 'roi_heads.*of the whole faster",
        ),
        (DetectorSettings(FASTER, weights=tmp_path / "part.pth"), "does not fit fasterrcnn.*Missing key"),
        (DetectorSettings(SSD, weights=faster), "holds no 'head"),
        (DetectorSettings(FASTER, weights=faster), "knows 3 classes, not COCO's 80"),
        (DetectorSettings(FASTER, weights=faster, layout="yolox"), "layout 'yolox' is for ONNX files"),
        (DetectorSettings(FASTER, weights=faster, device="cuda:99"), "device cuda"),
    ]:
        with pytest.raises(IdseError, match=message) as error:
            load_detector(settings)
        assert "\n" not in str(error.value)
