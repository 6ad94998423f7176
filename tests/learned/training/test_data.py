"""Training pictures: the same at any time for the same place, and boxes that follow crops and flips."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from idse.datasets import DatasetSettings
from idse.errors import IdseError
from idse.learned.training.data import TrainingData, Window, draw_window
from idse.metrics.detection import Truth

SIZES = {"a": (40, 30), "b": (64, 48), "c": (50, 50), "d": (36, 60), "e": (64, 40)}


def labels_of(classes: Sequence[str]) -> list[int]:
    return [{"cat": 17, "dog": 18, "hen": 40}[name] for name in classes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures a..e, all different noise."""
    rng = np.random.default_rng(0)
    for name, (width, height) in SIZES.items():
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(tmp_path / f"{name}.png")
    return tmp_path


@pytest.fixture
def annotated(tmp_path: Path) -> DatasetSettings:
    """Black pictures with one bright object each, where its box and polygon say; and a group in b."""
    (tmp_path / "pictures").mkdir()
    images, annotations = [], []
    for i, (name, (width, height)) in enumerate(SIZES.items()):
        x, y, w, h = 8 + 2 * i, 10, 12, 8 + 2 * i
        rgb = np.zeros((height, width, 3), np.uint8)
        rgb[y : y + h, x : x + w] = 255
        Image.fromarray(rgb).save(tmp_path / "pictures" / f"{name}.png")
        images.append({"id": i, "file_name": f"{name}.png", "width": width, "height": height})
        outline = [x, y, x + w, y, x + w, y + h, x, y + h]
        rows = [{"category_id": (5, 9, 7)[i % 3], "bbox": [x, y, w, h], "segmentation": [outline]}]
        if name == "b":
            runs = {"size": [height, width], "counts": [0, height * width]}
            rows.append({"category_id": 5, "bbox": [0, 0, width, height], "iscrowd": 1, "segmentation": runs})
        annotations += [{"id": 10 * i + k, "image_id": i, "area": w * h, **row} for k, row in enumerate(rows)]
    categories = [{"id": 9, "name": "hen"}, {"id": 5, "name": "cat"}, {"id": 7, "name": "dog"}]
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return DatasetSettings("coco", tmp_path / "pictures", path)


def plain(folder: Path, **options: object) -> TrainingData:
    chosen = {"crop": 16, "batch": 2, "seed": 1, **options}
    return TrainingData(DatasetSettings("folder", folder), **chosen)  # type: ignore[arg-type]


def test_a_place_has_its_pictures(folder: Path) -> None:
    data = plain(folder)
    batch = data.batch(3, 4, 1, 2)
    assert batch.pictures.shape == (2, 3, 16, 16)
    assert batch.pictures.dtype == torch.float32
    assert batch.targets is None
    for _ in range(3):
        data.batch(0, 0)
    for again in (data, plain(folder), plain(folder, cache_bytes=0)):
        assert torch.equal(again.batch(3, 4, 1, 2).pictures, batch.pictures)
    others = [data.batch(2, 4, 1, 2), data.batch(3, 5, 1, 2), data.batch(3, 4, 0, 2)]
    others.append(plain(folder, seed=2).batch(3, 4, 1, 2))
    assert not any(torch.equal(other.pictures, batch.pictures) for other in others)


def test_processes_share_an_epoch(folder: Path) -> None:
    alone = plain(folder, batch=4).batch(1, 2)
    parts = [plain(folder, batch=2).batch(1, 2, rank, 2) for rank in (0, 1)]
    assert alone.names == parts[0].names + parts[1].names
    assert torch.equal(alone.pictures, torch.cat([part.pictures for part in parts]))


def test_every_pass_sees_every_picture(folder: Path) -> None:
    data = plain(folder, batch=1)
    assert data.steps() == 5
    orders = [[data.batch(epoch, step).names[0] for step in range(10)] for epoch in range(4)]
    passes = [order[start : start + 5] for order in orders for start in (0, 5)]
    assert all(sorted(names) == list("abcde") for names in passes)
    assert len({tuple(names) for names in passes}) > 4


def test_held_out_pictures(folder: Path) -> None:
    data = plain(folder, held_out=2, batch=3)
    assert (data.count, data.steps(), data.steps(2)) == (3, 1, 1)
    assert {name for step in range(10) for name in data.batch(0, step).names} == {"a", "b", "c"}
    held = data.validation()
    assert [sample.name for sample in held] == ["d", "e"]
    assert [sample.picture.shape for sample in held] == [(60, 36, 3), (40, 64, 3)]
    assert held[0].truth is None
    assert held[0].target is None


def test_crops_come_from_everywhere(folder: Path) -> None:
    rng = np.random.default_rng(0)
    windows = [draw_window(rng, 20, 17, 16, True) for _ in range(300)]
    assert {w.left for w in windows} == set(range(5))
    assert {w.top for w in windows} == {0, 1}
    assert 100 < sum(w.flipped for w in windows) < 200
    assert not any(draw_window(rng, 20, 17, 16, False).flipped for _ in range(50))
    data = plain(folder, crop=0, batch=1, flip=False)
    batch = data.batch(0, 0)
    whole = np.asarray(data.dataset.items["abcde".index(batch.names[0])].read()[0].to_rgb())
    assert torch.equal(batch.pictures[0].permute(1, 2, 0), torch.from_numpy(whole).float() / 255)


def test_whole_pictures_of_one_size(folder: Path) -> None:
    with pytest.raises(IdseError, match="do not fit into one batch: set crop, or batch = 1"):
        [plain(folder, crop=0, batch=2).batch(0, step) for step in range(3)]


def test_small_pictures_are_continued(folder: Path) -> None:
    data = plain(folder, crop=56, batch=5, flip=False)
    batch = data.batch(0, 0)
    small = batch.pictures[batch.names.index("a")]
    assert batch.pictures.shape == (5, 3, 56, 56)
    assert torch.equal(small[:, :30, 39:], small[:, :30, 39:40].expand(-1, -1, 17))
    assert torch.equal(small[:, 29:], small[:, 29:30].expand(-1, 27, -1))


def test_boxes_by_hand() -> None:
    boxes = np.array([[5, 5, 15, 15], [0, 0, 11, 30], [12, 2, 18, 8], [0, 0, 5, 5], [10, 0, 10.5, 20]], float)
    found, left = Window(10, 4, 8, 16, False).boxes(boxes)
    assert found.tolist()[:3] == [[0, 1, 5, 11], [0, 0, 1, 16], [2, 0, 8, 4]]
    # The second keeps a column of 11: less than a tenth; the last is too narrow.
    assert left.tolist() == [True, False, True, False, False]
    mirrored, same = Window(10, 4, 8, 16, True).boxes(boxes)
    assert mirrored.tolist()[:3] == [[3, 1, 8, 11], [7, 0, 8, 16], [0, 0, 6, 4]]
    assert (same == left).all()


def test_targets_lie_on_their_objects(annotated: DatasetSettings) -> None:
    """The bright samples of every crop are where box and mask say, whatever was cut and mirrored."""
    pytest.importorskip("faster_coco_eval", reason="masks need faster-coco-eval")
    data = TrainingData(annotated, crop=36, batch=5, seed=0, labels_of=labels_of, masks=True)
    wanted = dict(zip("abcde", (17, 40, 18, 17, 40), strict=True))
    seen = cut = 0
    for step in range(20):
        batch = data.batch(0, step)
        assert batch.targets is not None
        for name, picture, target in zip(batch.names, batch.pictures, batch.targets, strict=True):
            bright = picture.mean(0) > 0.5
            assert target["boxes"].shape == (len(target["labels"]), 4)
            assert target["boxes"].dtype == torch.float32
            assert target["masks"].shape == (len(target["labels"]), 36, 36)
            if not len(target["labels"]):
                continue
            seen += 1
            assert target["labels"].tolist() == [wanted[name]]
            # Padding repeats the last samples of the picture, of which no object is a part.
            rows, columns = (np.flatnonzero(bright.any(dim)) for dim in (1, 0))
            box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            np.testing.assert_allclose(target["boxes"][0].numpy(), box, atol=1)
            assert (target["masks"][0].bool() != bright).sum() <= 0.1 * bright.sum() + 4
            cut += int(target["boxes"][0].min() == 0)
    assert seen > 60
    assert cut > 0


def test_groups_are_no_objects(annotated: DatasetSettings) -> None:
    data = TrainingData(annotated, crop=0, batch=1, held_out=4, labels_of=labels_of)
    first = data.validation()[0]
    assert first.name == "b"
    assert first.truth is not None
    assert first.truth.crowd.tolist() == [False, True]
    assert first.target is not None
    assert first.target["labels"].tolist() == [40]
    assert first.target["boxes"].tolist() == [[10, 10, 22, 20]]
    assert "masks" not in first.target


def test_empty_targets_have_shapes() -> None:
    truth = Truth(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0), ())
    target = Window(0, 0, 8, 8, True).target(truth, np.array([1]), (8, 8), True)
    assert [tuple(target[key].shape) for key in ("boxes", "labels", "masks")] == [(0, 4), (0,), (0, 8, 8)]
    assert target["labels"].dtype == torch.int64


def test_frames_of_a_sequence_are_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (3, 24 * 16 * 3 // 2), np.uint8)
    (tmp_path / "noise_24x16.yuv").write_bytes(frames.tobytes())
    settings = DatasetSettings("sequence", tmp_path / "noise_24x16.yuv", size=(24, 16), frames=(1, None))
    data = TrainingData(settings, crop=0, batch=1, flip=False)
    assert data.count == 2
    (item,) = data.dataset.items
    wanted = {(torch.from_numpy(frame.to_rgb()).float() / 255).numpy().tobytes() for frame in item.read()}
    found = [data.batch(0, step).pictures[0].permute(1, 2, 0) for step in range(2)]
    assert {picture.contiguous().numpy().tobytes() for picture in found} == wanted
    assert len(wanted) == 2


def test_what_goes_wrong(folder: Path, annotated: DatasetSettings) -> None:
    for options, message in [
        ({"held_out": 5}, "validation takes 5: none is left"),
        ({"labels_of": labels_of}, "has no annotations, but loss 'training' needs them"),
        ({"batch": 0}, "batch is 0: it must be at least 1"),
        ({"crop": -1}, "crop is -1: it must be at least 0"),
    ]:
        with pytest.raises(IdseError, match=message):
            plain(folder / "pictures" if "labels_of" in options else folder, **options)
    assert annotated.annotations is not None
    content = json.loads(annotated.annotations.read_text())
    del content["annotations"][0]["segmentation"]
    annotated.annotations.write_text(json.dumps(content))
    TrainingData(annotated, crop=16, batch=1, labels_of=labels_of)
    with pytest.raises(IdseError, match="has no masks"):
        TrainingData(annotated, crop=16, batch=1, labels_of=labels_of, masks=True)
