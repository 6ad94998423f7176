"""The distance of decoded pictures, as detectors see them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from toy import ToyExtractor, random_frame

from idse.errors import IdseError
from idse.features.embedded import load_embedded, working_picture
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
    settings = ImportanceSettings(detector="toy", level_norm=norm)
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

    distance = DetectorDistance(ImportanceSettings(detector="a+b"), load)
    source = random_frame()
    first = distance.of(source)(changed(source, 4))
    assert distance.of(source)(changed(source, 4)) == first
    assert loaded == ["a", "b"]
    assert len(first) == 2
    assert first[0] != first[1]


def test_a_lossless_picture_is_at_no_distance() -> None:
    """Encoders shift 8-bit samples up: that is not an error."""
    source = random_frame(32, 32)
    distances = DetectorDistance(ImportanceSettings(detector="toy"), lambda *_: ToyExtractor()).of(source)
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


def test_the_embedded_detector_sees_its_working_size() -> None:
    """An error of alternating sign vanishes when the picture is halved; at the picture's own size it would count."""
    source = random_frame(832, 64, seed=1)
    y = source.planes[0].astype(int)
    checks = np.indices(y.shape).sum(axis=0) % 2 * 2 - 1
    decoded = {
        "checks": Frame(((y + 8 * checks).astype(np.uint8), *source.planes[1:])),
        "flat": changed(source, 8),
    }
    distances = DetectorDistance(ImportanceSettings(device="cpu")).of(source)
    found = {name: distances(frame)[0] for name, frame in decoded.items()}
    assert found["checks"] < 0.01 * found["flat"]
    embedded = load_embedded()
    own = {name: sum(squared(*_own(embedded, source, frame))) for name, frame in decoded.items()}
    assert own["checks"] > 0.5 * own["flat"]


def _own(embedded: object, *frames: Frame) -> list[list[torch.Tensor]]:
    return [embedded.features(planes_to_rgb(planes_to_tensors(f), f)) for f in frames]  # type: ignore[attr-defined]


def test_gains_of_the_embedded_detector_are_the_sources() -> None:
    embedded = load_embedded()
    rgb = torch.rand(1, 3, 100, 600, generator=torch.Generator().manual_seed(0))
    seen = embedded.features_seen(rgb)
    for a, b in zip(seen(rgb), embedded.features(working_picture(rgb)), strict=True):
        assert torch.equal(a, b)
    for a, b in zip(seen(0.5 * rgb), seen(rgb), strict=True):  # linear: gains do not change with the picture
        torch.testing.assert_close(2 * a, b)
