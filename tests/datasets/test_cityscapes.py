from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idse.datasets import DatasetSettings, open_dataset
from idse.errors import IdseError
from idse.metrics.detection import Truth

library = pytest.importorskip("faster_coco_eval.core.mask")

AACHEN, ULM = "aachen_000000_000019", "ulm_000003_000019"


def ids() -> np.ndarray:
    """Two cars, one of them behind a rider, a group of persons, and road."""
    samples = np.full((8, 16), 7, np.uint16)
    samples[2:5, 1:6] = 26000
    samples[2:5, 3] = 25000  # a rider: none of the seven, cuts the car in two
    samples[6:8, 10:16] = 26001
    samples[0, 8:12] = 24
    samples[5, 0] = 33002
    samples[7, 0] = 29000  # caravan
    return samples


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for city, stem, samples in (("ulm", ULM, ids()), ("aachen", AACHEN, np.full((8, 16), 7, np.uint16))):
        for part in ("leftImg8bit", "gtFine"):
            (tmp_path / part / "val" / city).mkdir(parents=True)
        Image.new("RGB", (16, 8), (90, 120, 60)).save(
            tmp_path / f"leftImg8bit/val/{city}/{stem}_leftImg8bit.png"
        )
        Image.fromarray(samples).save(tmp_path / f"gtFine/val/{city}/{stem}_gtFine_instanceIds.png")
        Image.fromarray(samples.astype(np.uint8)).save(
            tmp_path / f"gtFine/val/{city}/{stem}_gtFine_labelIds.png"
        )
    return tmp_path


def truth_of_ulm(root: Path) -> Truth:
    truth = open_dataset(DatasetSettings("cityscapes", root, only=(f"ulm/{ULM}",))).items[0].truth
    assert truth is not None
    return truth


def test_objects_and_groups(root: Path) -> None:
    data = open_dataset(DatasetSettings("cityscapes", root))
    assert data.name == "cityscapes-val"
    assert data.classes == ("person", "car", "truck", "bus", "train", "motorcycle", "bicycle")
    assert [item.name for item in data.items] == [f"aachen/{AACHEN}", f"ulm/{ULM}"]
    empty = data.items[0].truth
    assert empty is not None and len(empty) == 0

    truth = truth_of_ulm(root)
    assert truth.masks is not None
    assert [data.classes[label] for label in truth.labels] == ["person", "car", "car", "bicycle"]
    assert truth.crowd.tolist() == [True, False, False, False]
    np.testing.assert_array_equal(truth.boxes, [[8, 0, 12, 1], [1, 2, 6, 5], [10, 6, 16, 8], [0, 5, 1, 6]])
    assert truth.areas.tolist() == [4, 12, 12, 1]
    for mask, value in zip(truth.masks, (24, 26000, 26001, 33002), strict=True):
        np.testing.assert_array_equal(library.decode(mask), ids() == value)


def test_identity_follows_the_annotations(root: Path, tmp_path: Path) -> None:
    whole = open_dataset(DatasetSettings("cityscapes", root)).identity
    moved = DatasetSettings(
        "cityscapes", root / "leftImg8bit", root / "gtFine", only=(f"ulm/{ULM}",), name="other"
    )
    assert open_dataset(moved).identity == whole
    changed = ids()
    changed[0, 0] = 24000
    Image.fromarray(changed).save(root / f"gtFine/val/ulm/{ULM}_gtFine_instanceIds.png")
    assert open_dataset(DatasetSettings("cityscapes", root)).identity != whole


def test_missing_annotations(root: Path) -> None:
    (root / f"gtFine/val/aachen/{AACHEN}_gtFine_instanceIds.png").unlink()
    with pytest.raises(IdseError, match=rf"{AACHEN}_gtFine_instanceIds.png: no such file, 1 of 2"):
        open_dataset(DatasetSettings("cityscapes", root))
    assert len(truth_of_ulm(root)) == 4


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (ids()[:, :8], "is 16x8, but .* is 8x8"),
        (ids().astype(np.uint8), "not a 16-bit grey PNG .*mode in Pillow is L"),
        (np.full((8, 16), 7, np.uint16), "not one object of person, car"),
    ],
)
def test_wrong_annotations(root: Path, samples: np.ndarray, message: str) -> None:
    Image.fromarray(np.ascontiguousarray(samples)).save(root / f"gtFine/val/ulm/{ULM}_gtFine_instanceIds.png")
    with pytest.raises(IdseError, match=message):
        open_dataset(DatasetSettings("cityscapes", root))


def test_damaged_annotation(root: Path) -> None:
    path = root / f"gtFine/val/ulm/{ULM}_gtFine_instanceIds.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(IdseError, match=r"instanceIds\.png: .*damaged"):
        truth_of_ulm(root)


def test_wrong_places(root: Path) -> None:
    with pytest.raises(IdseError, match="give ROOT as images"):
        open_dataset(DatasetSettings("cityscapes", root / "gtFine"))
    with pytest.raises(IdseError, match="train: no such folder"):
        open_dataset(DatasetSettings("cityscapes", root, split="train"))
    with pytest.raises(IdseError, match="test are not public"):
        open_dataset(DatasetSettings("cityscapes", root, split="test"))
