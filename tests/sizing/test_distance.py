"""The distance of decoded pictures, as detectors see them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from toy import ToyExtractor, random_frame

from idse.errors import IdseError
from idse.importance.maker import ImportanceSettings
from idse.importance.planes import planes_to_rgb, planes_to_tensors
from idse.media.frame import Frame
from idse.sizing.distance import DetectorDistance


def changed(frame: Frame, by: int) -> Frame:
    return Frame((frame.planes[0] + np.uint8(by), *frame.planes[1:]))


def squared(a: list[torch.Tensor], b: list[torch.Tensor]) -> list[float]:
    return [float((x - y).square().sum()) for x, y in zip(a, b, strict=True)]


@pytest.mark.parametrize("norm", ["none", "mean", "energy"])
def test_features(norm: str) -> None:
    source = random_frame(32, 24)
    decoded = changed(source, 5)
    toy = ToyExtractor()
    settings = ImportanceSettings(detector="toy", target="features", level_norm=norm)
    (found,) = DetectorDistance(settings, lambda *_: toy).of(source)(decoded)
    a, b = (toy.features(planes_to_rgb(planes_to_tensors(f), f).clamp(0, 1)) for f in (source, decoded))
    factors = {
        "none": [1.0, 1.0],
        "mean": [1 / f.numel() for f in a],
        "energy": [1 / float(f.square().sum()) for f in a],
    }[norm]
    assert found == pytest.approx(sum(f * d for f, d in zip(factors, squared(a, b), strict=True)), rel=1e-4)


def test_detectors_are_loaded_once_and_counted_one_by_one() -> None:
    loaded: list[str] = []

    def load(name: str, *_: object) -> ToyExtractor:
        loaded.append(name)
        return ToyExtractor(len(loaded))

    distance = DetectorDistance(ImportanceSettings(detector="a+b", target="features"), load)
    source = random_frame()
    first = distance.of(source)(changed(source, 4))
    assert distance.of(source)(changed(source, 4)) == first
    assert loaded == ["a", "b"]
    assert len(first) == 2
    assert first[0] != first[1]


def test_a_lossless_picture_is_at_no_distance() -> None:
    """Encoders shift 8-bit samples up: that is not an error."""
    source = random_frame(32, 32)
    settings = ImportanceSettings(detector="toy", target="features")
    distances = DetectorDistance(settings, lambda *_: ToyExtractor()).of(source)
    assert distances(source.with_bit_depth(10)) == [0]
    assert distances(changed(source, 1))[0] > 0


def test_both_targets(tmp_path: Path) -> None:
    toys = pytest.importorskip("toys", reason="ONNX is not installed")
    path = str(toys.yolox(tmp_path / "toy.onnx", classes=80))
    source = random_frame(96, 64)
    found = {
        target: DetectorDistance(ImportanceSettings(detector=path, target=target, device="cpu")).of(source)(
            changed(source, 9)
        )
        for target in ("features", "detections", "both")
    }
    assert all(d > 0 for d in found["both"])
    assert found["both"] == found["features"] + found["detections"]
    other = DetectorDistance(ImportanceSettings(detector=path, target="detections", metric="scores", device="cpu"))
    assert other.of(source)(changed(source, 9)) != found["detections"]


def test_a_detector_without_detections() -> None:
    distance = DetectorDistance(ImportanceSettings(detector="toy", target="detections"), lambda *_: ToyExtractor())
    with pytest.raises(IdseError, match="features only"):
        distance.of(random_frame())


def test_gains_of_the_embedded_detector_are_the_sources() -> None:
    """Weights that change with the decoded picture would count too."""
    source = random_frame(64, 48, seed=1)
    distances = DetectorDistance(ImportanceSettings(device="cpu")).of(source)
    assert len(distances(source)) == 1  # both targets are predicted as one
    found = [distances(changed(source, amount))[0] for amount in (4, 8)]
    assert found[1] == pytest.approx(4 * found[0], rel=0.01)
