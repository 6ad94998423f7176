"""Figures of the pictures that are held out, and that taking them changes nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

import torch
from torch import Tensor

from idse.detectors import COCO_CLASSES, DetectorSettings
from idse.learned.models import Coded, ModelSettings, build_codec, pad
from idse.learned.tasks import TaskSettings, load_task
from idse.learned.training.checkpoint import RunFolder
from idse.learned.training.data import Sample
from idse.learned.training.validation import DetectorEvaluator, Figures, validate
from idse.metrics.detection import Detections, Truth, align

SETTINGS = ModelSettings("scale-hyperprior", 8, 12)


class Copier(torch.nn.Module):
    """A codec that gives every picture back with some error, for 3 bits of each padded sample."""

    stride, latent_stride, mask = 64, 16, None

    def __init__(self, error: float = 0.0) -> None:
        super().__init__()
        self.error = torch.nn.Parameter(torch.tensor(error))

    def find_medians(self) -> None:
        pass

    def forward(self, x: Tensor, alpha: Tensor | None = None) -> Coded:
        assert x.shape[-1] % 64 == x.shape[-2] % 64 == 0
        return Coded(x + self.error, {"y": torch.full((1, 1, *x.shape[-2:]), 0.125)})


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    rng = np.random.default_rng(1)
    shapes = ((9, 10, 3), (7, 11, 3))
    pictures = [rng.integers(30, 220, shape, np.uint8).repeat(8, 0).repeat(8, 1) for shape in shapes]
    return [Sample(str(i), picture, None, None) for i, picture in enumerate(pictures)]


@pytest.fixture
def trained(finished: Path) -> Any:
    codec = build_codec(SETTINGS)
    codec.load_state_dict(RunFolder(finished).load(16)["codec"])
    return codec


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx2torch")
    from toys import yolox

    return yolox(tmp_path_factory.mktemp("toy") / "toy.onnx", classes=80)


class Quarters:
    """A detector that finds every quarter of a picture; the brightness says of which class it is."""

    classes = COCO_CLASSES

    def __init__(self, shift: int = 0) -> None:
        self.shift = shift

    def detect(self, pictures: list[np.ndarray]) -> list[Detections]:
        return [self._look(picture) for picture in pictures]

    def _look(self, picture: np.ndarray) -> Detections:
        h, w = picture.shape[0] // 2, picture.shape[1] // 2
        corners = [(x, y) for y in (0, h) for x in (0, w)]
        labels = [int(picture[y : y + h, x : x + w].mean() * 20) + self.shift for x, y in corners]
        boxes = np.array([(x, y, x + w, y + h) for x, y in corners], np.float32)
        return Detections(boxes, np.array([0.9, 0.8, 0.7, 0.2], np.float32), np.array(labels))


@pytest.fixture
def quarters(monkeypatch: pytest.MonkeyPatch, toy: Path) -> Path:
    """Every detector that is loaded is `Quarters`; one with other weights than the toy's finds other classes."""
    pytest.importorskip("numba")
    onnx = pytest.importorskip("onnx")

    def weights(path: Path | str) -> list[bytes]:
        return [onnx.numpy_helper.to_array(w).tobytes() for w in onnx.load(str(path)).graph.initializer]

    def load(settings: DetectorSettings) -> Quarters:
        return Quarters(0 if weights(settings.model) == weights(toy) else 40)

    monkeypatch.setattr("idse.learned.training.validation.load_detector", load)
    return toy


def test_figures_of_a_known_codec(samples: list[Sample]) -> None:
    figures = validate(Copier(4 / 255), None, None, samples)  # type: ignore[arg-type]
    padded = 3 * 128 * 128  # both pictures, to multiples of 64
    assert figures.bpp == pytest.approx((padded / (72 * 80) + padded / (56 * 88) / 2) / 2)
    assert figures.mse == pytest.approx((4 / 255) ** 2)
    assert figures.psnr == pytest.approx(20 * math.log10(255 / 4))
    assert figures.known().keys() == {"bpp", "mse", "psnr"}


def test_pictures_are_rounded_to_8_bits(samples: list[Sample]) -> None:
    figures = validate(Copier(0.4 / 255), None, None, samples)  # type: ignore[arg-type]
    assert (figures.mse, figures.psnr) == (0.0, math.inf)
    # ... and clipped: no picture is brighter than white.
    figures = validate(Copier(2.0), None, None, samples)  # type: ignore[arg-type]
    assert figures.mse < 1


def test_training_does_not_notice(samples: list[Sample], trained: Any) -> None:
    trained.train()
    trained.h_s.eval()
    before = {k: v.clone() for k, v in trained.state_dict().items() if "quantiles" not in k}
    modes = [module.training for module in trained.modules()]
    random = torch.get_rng_state()
    validate(trained, None, None, samples)
    validate(trained, None, None, samples, exact=True)
    after = trained.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert modes == [module.training for module in trained.modules()]
    assert torch.equal(random, torch.get_rng_state())
    assert all(p.grad is None for p in trained.parameters())


def test_rates_are_those_of_rounding_and_of_real_strings(samples: list[Sample], trained: Any) -> None:
    estimated, real = (validate(trained, None, None, samples[:1], exact=exact) for exact in (False, True))
    assert validate(trained, None, None, samples[:1]).known() == estimated.known()  # no noise
    picture = torch.from_numpy(samples[0].picture).permute(2, 0, 1)[None].float() / 255
    trained.eval().tables()
    with torch.no_grad():
        bits = float(trained(pad(picture, 64)).bits())
        strings = trained.compress(pad(picture, 64)).strings
    assert estimated.bpp == pytest.approx(bits / (72 * 80))
    assert real.bpp == pytest.approx(8 * sum(map(len, strings)) / (72 * 80))
    assert real.bpp != estimated.bpp
    assert real.psnr == pytest.approx(estimated.psnr, abs=0.02)


def test_task_loss(samples: list[Sample], toy: Path) -> None:
    task = load_task(TaskSettings(str(toy)), torch.device("cpu"))
    copied, changed = (validate(Copier(e), task, None, samples).task_loss for e in (0.0, 0.1))  # type: ignore[arg-type]
    assert copied == pytest.approx(0, abs=1e-9)
    assert changed > 1e-3


def test_ap_against_the_uncompressed_picture(samples: list[Sample], quarters: Path) -> None:
    evaluator = DetectorEvaluator(TaskSettings(str(quarters)), samples, (), False, "cpu")
    same = validate(Copier(), None, None, samples, evaluator)  # type: ignore[arg-type]
    assert same.ap == pytest.approx(1.0)
    assert math.isnan(same.map)
    other = validate(Copier(0.2), None, None, samples, evaluator)  # type: ignore[arg-type]
    assert other.ap == 0


def test_ap_with_the_weights_of_now(samples: list[Sample], quarters: Path) -> None:
    """A detector that is being trained is asked as it is now; a frozen one is the file's."""
    settings = TaskSettings(str(quarters))
    task = load_task(settings, torch.device("cpu"))
    evaluator = DetectorEvaluator(settings, samples, (), False, "cpu")
    with torch.no_grad():
        for parameter in task.parameters():
            parameter.mul_(0.5)
    for trained, ap in ((False, 1.0), (True, 0.0)):
        task.trainable(trained)
        found = validate(Copier(), task, None, samples, evaluator)  # type: ignore[arg-type]
        assert found.ap == pytest.approx(ap)


def test_map_against_annotations(samples: list[Sample], quarters: Path) -> None:
    """The data set has its own order of classes."""
    detector = Quarters()
    classes = COCO_CLASSES[::-1]
    annotated = []
    for sample in samples:
        found = align(detector.detect([sample.picture.astype(np.float32) / 255])[0], COCO_CLASSES, classes)
        boxes = found.boxes.astype(np.float64)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        truth = Truth(boxes, found.labels, np.zeros(len(found), bool), areas)
        annotated.append(Sample(sample.name, sample.picture, truth, None))
    evaluator = DetectorEvaluator(TaskSettings(str(quarters)), annotated, classes, True, "cpu")
    figures = validate(Copier(), None, None, annotated, evaluator)  # type: ignore[arg-type]
    assert figures.map == pytest.approx(1.0)
    assert math.isnan(figures.ap)


def test_only_what_was_asked_for() -> None:
    assert Figures(0.5, 0.0, math.inf, ap=0.0).known() == {
        "bpp": 0.5,
        "mse": 0.0,
        "psnr": math.inf,
        "ap": 0.0,
    }
