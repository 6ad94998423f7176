import dataclasses
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from idse.detectors import Observation
from idse.engines.base import EncodeSettings
from idse.errors import IdseError
from idse.experiments import tables
from idse.experiments.evaluation import Evaluation
from idse.experiments.laboratory import Laboratory
from idse.experiments.measurement import Measurement
from idse.experiments.plan import CONFIGURATIONS, configurations
from idse.experiments.store import Store
from idse.metrics import Detections
from idse.metrics.features import FeatureError

pytest.importorskip("bjontegaard")

QPS = [27, 32, 37, 42]


def stand_in():  # type: ignore[no-untyped-def]
    spec = importlib.util.spec_from_file_location("stand_in", Path(__file__).parent / "stand_in.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["stand_in"] = module
    spec.loader.exec_module(module)
    return module.StandIn()


class Corners:
    """A detector: features are differences of neighbours, detections the brightest block."""

    name = "corners"
    identity: ClassVar = {"weights_sha256": "0"}

    def observe(self, pictures: Sequence[np.ndarray]) -> list[Observation]:
        return [self._look(rgb) for rgb in pictures]

    def _look(self, rgb: np.ndarray) -> Observation:
        features = [np.diff(rgb, axis=0), np.diff(rgb, axis=1)]
        height, width = rgb.shape[:2]
        blocks = (
            rgb[: height // 8 * 8, : width // 8 * 8]
            .mean(2)
            .reshape(height // 8, 8, width // 8, 8)
            .mean((1, 3))
        )
        y, x = np.unravel_index(int(blocks.argmax()), blocks.shape)
        box = np.array([[8 * x, 8 * y, 8 * x + 8, 8 * y + 8]], dtype=np.float32)
        return Observation(features, Detections(box, np.array([0.9], np.float32), np.array([0])))


def measurement(size: int, sse: int, feature: float, hit: bool) -> Measurement:
    box = np.array([[0, 0, 10, 10] if hit else [20, 20, 30, 30]], dtype=np.float32)
    found = Detections(box, np.array([0.9], np.float32), np.array([1]))
    return Measurement(size, [sse], [100], {"yolox_nano": FeatureError(feature, 1)}, {"yolox_nano": found})


def test_a_measurement_survives_the_store(tmp_path: Path) -> None:
    kept = measurement(1234, 56, 0.25, True)
    with Store(tmp_path / "sub" / "x.sqlite") as store:
        store.put("k", "a.jpg", "none", 32, kept)
        assert store.known("k", "none") == {("a.jpg", 32)}
        assert store.known("other", "none") == set()
        assert store.get("k", "a.jpg", "none", 37) is None
    with Store(tmp_path / "sub" / "x.sqlite") as store:
        found = store.get("k", "a.jpg", "none", 32)
    assert found is not None
    assert found.pack()[0] == kept.pack()[0]
    assert found.detections["yolox_nano"].boxes.tolist() == [[0, 0, 10, 10]]


def test_curves_are_pooled() -> None:
    rng = np.random.default_rng(0)
    pictures = [f"{i}.jpg" for i in range(8)]
    anchor, test = {}, {}
    for picture in pictures:
        size, noise = rng.integers(1000, 9000), rng.uniform(0.5, 2)
        for i, qp in enumerate(QPS):
            sse, error = int(1000 * noise * 3**i), float(noise * 3**i)
            hit = int(picture[0]) > 2 * i
            anchor[picture, qp] = measurement(int(size // 2**i), sse, error, hit)
            test[picture, qp] = measurement(int(0.8 * (size // 2**i)), sse, error, hit)
    truths = {p: {"yolox_nano": measurement(1, 1, 1, True).detections["yolox_nano"]} for p in pictures}
    evaluation = Evaluation(QPS, pictures, {"none": anchor, "test": test}, truths, draws=30)
    assert evaluation.measures == ["fYX", "pYX", "PSNR"]
    for measure in evaluation.measures:
        figure = evaluation.figure("none", "test", measure)
        assert figure.value.percent == pytest.approx(-20, abs=0.1)
        assert figure.half == pytest.approx(0, abs=0.1)
        assert figure.wins
    mean, count = evaluation.per_picture("none", "test", "fYX")
    assert (round(mean), count) == (-20, 8)
    assert "-20.0 ±0.0*" in tables.verdicts(evaluation, "none", ["none", "test"])
    assert "x0.800" in tables.against(evaluation, "none", ["none", "test"])
    assert len(tables.points(evaluation, ["none", "test"]).splitlines()) == 2 + 2 * len(QPS)


@pytest.fixture
def photograph(tmp_path: Path) -> Iterator[Path]:
    y, x = np.mgrid[0:70, 0:101]
    rgb = np.stack([128 + 100 * np.sin(x / 7 + k) * np.cos(y / (5 + k)) for k in range(3)], axis=2)
    path = tmp_path / "p.png"
    Image.fromarray(rgb.astype(np.uint8)).save(path)
    yield path


def test_laboratory_measures_a_picture(photograph: Path) -> None:
    laboratory = Laboratory(stand_in(), [Corners()], lambda name: None, EncodeSettings())  # type: ignore[arg-type]
    none, coloured = configurations(["none", "none-c3"])
    results = dict(laboratory.measure(photograph, none, [22, 32, 42]))
    assert results[22].size > results[32].size > results[42].size
    assert results[22].psnr() > results[32].psnr() > results[42].psnr()
    assert results[22].features["corners"].sse < results[42].features["corners"].sse
    assert results[22].samples == [96 * 64, 48 * 32, 48 * 32]
    assert laboratory.key(none) != laboratory.key(coloured)
    assert laboratory.key(none) == laboratory.key(dataclasses.replace(none, name="x", what="y"))
    other = Laboratory(stand_in(), [Corners()], lambda name: None, EncodeSettings(preset=0))  # type: ignore[arg-type]
    assert laboratory.key(none) != other.key(none)


def test_configurations_by_name() -> None:
    assert [c.name for c in configurations(["yolox", "none", "yolox"])] == ["yolox", "none"]
    assert len({c.name for c in CONFIGURATIONS}) == len(CONFIGURATIONS)
    with pytest.raises(IdseError, match="'nonsense' is unknown"):
        configurations(["nonsense"])
