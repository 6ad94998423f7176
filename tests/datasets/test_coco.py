from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from idse.datasets import DatasetSettings, open_dataset
from idse.datasets import masks as mask_module
from idse.errors import IdseError

library = pytest.importorskip("faster_coco_eval.core.mask")


def annotations() -> dict[str, Any]:
    """Two pictures of 12x10: squares as polygons, a crowd as run lengths; and one of 7x5 without anything."""
    bar = [40, 10, 70]  # column 4 of ten rows
    block = np.zeros((10, 12), np.uint8, order="F")
    block[:2, :3] = 1
    counts = library.encode(block)["counts"].decode()
    return {
        "images": [
            {"id": 7, "file_name": "b.png", "width": 12, "height": 10},
            {"id": 9, "file_name": "a.jpg", "width": 12, "height": 10},
            {"id": 3, "file_name": "c.png", "width": 7, "height": 5},
        ],
        # Not in the order of their ids, and with a gap.
        "categories": [{"id": 18, "name": "dog"}, {"id": 2, "name": "bicycle"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "category_id": 18,
                "bbox": [2, 3, 4.5, 5],
                "area": 20.5,
                "iscrowd": 0,
                "segmentation": [[2, 3, 6, 3, 6, 8, 2, 8], [8, 0, 10, 0, 10, 2, 8, 2]],
            },
            {
                "id": 2,
                "image_id": 7,
                "category_id": 2,
                "bbox": [4, 0, 1, 10],
                "area": 10,
                "iscrowd": 1,
                "segmentation": {"size": [10, 12], "counts": bar},
            },
            {
                "id": 3,
                "image_id": 9,
                "category_id": 2,
                "bbox": [0, 0, 3, 2],
                "area": 6,
                "iscrowd": 0,
                "segmentation": {"size": [10, 12], "counts": counts},
            },
        ],
    }


def write(folder: Path, content: Any) -> DatasetSettings:
    images = folder / "images"
    images.mkdir(exist_ok=True)
    for name, size in (("a.jpg", (12, 10)), ("b.png", (12, 10)), ("c.png", (7, 5))):
        Image.new("RGB", size, (200, 30, 90)).save(images / name)
    path = folder / "instances.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return DatasetSettings("coco", images, path)


def test_truths_of_every_kind_of_segmentation(tmp_path: Path) -> None:
    data = open_dataset(write(tmp_path, annotations()))
    assert data.classes == ("bicycle", "dog")
    assert [item.name for item in data.items] == ["a", "b", "c"]
    assert data.has_masks
    assert data.notes == ("1 of 3 pictures have no annotation.",)

    truth = data.items[1].truth
    assert truth is not None and truth.masks is not None
    np.testing.assert_array_equal(truth.boxes, [[2, 3, 6.5, 8], [4, 0, 5, 10]])
    assert truth.labels.tolist() == [1, 0]
    assert truth.crowd.tolist() == [False, True]
    assert truth.areas.tolist() == [20.5, 10]
    both = np.zeros((10, 12), np.uint8)
    both[3:8, 2:6] = 1
    both[0:2, 8:10] = 1
    np.testing.assert_array_equal(library.decode(truth.masks[0]), both)
    bar = np.zeros((10, 12), np.uint8)
    bar[:, 4] = 1
    np.testing.assert_array_equal(library.decode(truth.masks[1]), bar)
    other = data.items[0].truth
    assert other is not None and other.masks is not None
    assert library.decode(other.masks[0])[:2, :3].sum() == library.area(other.masks[0]) == 6
    nothing = data.items[2].truth
    assert nothing is not None and len(nothing) == 0 and nothing.masks == ()


def test_pictures_keep_their_place(tmp_path: Path) -> None:
    settings = write(tmp_path, annotations())
    picture = np.zeros((5, 7, 3), np.uint8)
    picture[:, -1] = 255
    Image.fromarray(picture[..., 0]).save(settings.images / "c.png")
    (frame,) = open_dataset(settings).items[2].read()
    assert (frame.width, frame.height, frame.chroma_format, frame.bit_depth) == (8, 6, "420", 8)
    assert frame.planes[0][0].tolist() == [0] * 6 + [255, 255]


def test_pickled_items_give_the_same_truth(tmp_path: Path) -> None:
    item = open_dataset(write(tmp_path, annotations())).items[1]
    again = pickle.loads(pickle.dumps(item))
    assert again.truth.masks == item.truth.masks
    np.testing.assert_array_equal(again.truth.boxes, item.truth.boxes)


def test_identity_follows_the_annotations_alone(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    content = annotations()
    settings = write(tmp_path / "one", content)
    one = open_dataset(settings)
    part = DatasetSettings("coco", settings.images, settings.annotations, limit=1)
    two = open_dataset(write(tmp_path / "two", content))
    assert one.identity == two.identity == open_dataset(part).identity
    assert json.loads(json.dumps(one.identity)) == one.identity
    content["annotations"][0]["bbox"][0] += 0.25
    assert open_dataset(write(tmp_path / "two", content)).identity != one.identity


def test_only_chosen_pictures_must_be_there(tmp_path: Path) -> None:
    settings = write(tmp_path, annotations())
    (settings.images / "c.png").unlink()
    (settings.images / "stranger.png").write_bytes(b"")
    with pytest.raises(IdseError, match=r"c\.png: no such file, 1 of 3 .* only or limit"):
        open_dataset(settings)
    for part in ({"limit": 2}, {"only": ("a", "b")}):
        data = open_dataset(DatasetSettings("coco", settings.images, settings.annotations, **part))
        assert [item.name for item in data.items] == ["a", "b"]
        assert data.notes == ("1 pictures of the folder are not in the annotation file and are ignored.",)
    with pytest.raises(IdseError, match=r"no item bb: its names look like b \(2 of"):
        open_dataset(DatasetSettings("coco", settings.images, settings.annotations, only=("bb", "q")))


def test_boxes_without_masks_and_areas(tmp_path: Path) -> None:
    content = annotations()
    del content["annotations"][0]["segmentation"]
    del content["annotations"][0]["area"]
    data = open_dataset(write(tmp_path, content))
    truth = data.items[1].truth
    assert truth is not None
    assert not data.has_masks and truth.masks is None
    assert truth.areas.tolist() == [22.5, 10]
    assert "1 of 3 annotations have no mask: only boxes are compared." in data.notes


def test_a_polygon_of_two_points_is_an_empty_mask_and_no_box(tmp_path: Path) -> None:
    content = annotations()
    content["annotations"][0]["segmentation"] = [[2, 3, 6, 8]]
    data = open_dataset(write(tmp_path, content))
    truth = data.items[1].truth
    assert truth is not None and truth.masks is not None
    assert library.area(truth.masks[0]) == 0
    assert data.notes[0].startswith("1 of 3 annotations have an empty mask")


def test_a_picture_turned_by_exif_must_have_its_annotations_size(tmp_path: Path) -> None:
    settings = write(tmp_path, annotations())
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (12, 10)).save(settings.images / "a.jpg", exif=exif)
    with pytest.raises(IdseError, match=r"a\.jpg: is 10x12 \(rotated .* annotations are for 12x10"):
        open_dataset(settings)
    Image.new("RGB", (10, 12)).save(settings.images / "a.jpg", exif=exif)
    data = open_dataset(settings)
    assert data.items[0].read()[0].planes[0].shape == (10, 12)
    assert any("EXIF" in note for note in data.notes)


FAULTS: dict[str, tuple[Any, str]] = {
    "unknown picture": (lambda d: d["annotations"][0].update(image_id=99), "annotation 1 is for picture 99"),
    "unknown class": (lambda d: d["annotations"][1].update(category_id=5), "is for category 5.*1 of 3"),
    "not finite": (
        lambda d: d["annotations"][2].update(bbox=[0, float("nan"), 1, 1]),
        "annotation 3 of a.jpg",
    ),
    "negative": (lambda d: d["annotations"][2].update(bbox=[0, 0, -1, 1]), "annotation 3 of a.jpg"),
    "no area": (lambda d: d["annotations"][0].update(area=float("inf")), "area inf"),
    "size": (lambda d: d["images"][0].update(width=13, id=7), "b.png"),
    "twice": (lambda d: d["images"][0].update(file_name="a.jpg"), "file_name a.jpg appears twice"),
    "no images": (lambda d: d.update(images=[]), "images are empty"),
    "no annotations": (lambda d: d.update(annotations=[]), "annotations are empty"),
    "captions": (
        lambda d: [a.pop("category_id") for a in d["annotations"]],
        r"annotations\[0\] has no category",
    ),
    "odd polygon": (lambda d: d["annotations"][0].update(segmentation=[[1, 2, 3]]), "b.png: a polygon"),
    "short run lengths": (
        lambda d: d["annotations"][1]["segmentation"].update(counts=[40, 10]),
        "do not add up to 10 x 12",
    ),
    "transposed run lengths": (
        lambda d: d["annotations"][1]["segmentation"].update(size=[12, 10]),
        r"\[12, 10\]",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_annotations(tmp_path: Path, fault: str) -> None:
    content = annotations()
    change, message = FAULTS[fault]
    change(content)
    with pytest.raises(IdseError, match=message) as raised:
        open_dataset(write(tmp_path, content))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"images": [', "not a JSON file"),
        ("[]", "is a list"),
        ('{"images": 3}', "has no images"),
        ("5", "has no images"),
    ],
)
def test_no_annotation_file(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(IdseError, match=message):
        open_dataset(write(tmp_path, content))


def test_a_wrong_size_names_the_picture_and_the_count(tmp_path: Path) -> None:
    settings = write(tmp_path, annotations())
    Image.new("RGB", (6, 5)).save(settings.images / "b.png")
    with pytest.raises(IdseError, match=r"b\.png: is 6x5, its annotations are for 12x10: .*1 of 3"):
        open_dataset(settings)


def test_damaged_run_lengths_are_told_when_the_truth_is_made(tmp_path: Path) -> None:
    content = annotations()
    content["annotations"][2]["segmentation"]["counts"] = "3"
    item = open_dataset(write(tmp_path, content)).items[0]
    with pytest.raises(IdseError, match="annotation 3: damaged run lengths"):
        _ = item.truth


def test_without_a_mask_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mask_module.mask_library.cache_clear()
    monkeypatch.setitem(sys.modules, "faster_coco_eval.core.mask", None)
    monkeypatch.setitem(sys.modules, "pycocotools.mask", None)
    with pytest.raises(IdseError, match="pip install"):
        open_dataset(write(tmp_path, annotations()))


def test_real_annotations_equal_coco_api(shared: Path) -> None:
    path = shared / "data/coco/instances_val.json"
    data = open_dataset(DatasetSettings("coco", shared / "data/coco/val", path))
    api = pytest.importorskip("faster_coco_eval").COCO(str(path))
    assert len(data.items) == len(api.imgs) == 80
    assert data.classes == tuple(api.cats[i]["name"] for i in sorted(api.cats))
    ids = {Path(image["file_name"]).stem: key for key, image in api.imgs.items()}
    category_ids = sorted(api.cats)
    objects = 0
    for item in data.items:
        truth = item.truth
        wanted = api.loadAnns(api.getAnnIds(imgIds=[ids[item.name]]))
        assert truth is not None and truth.masks is not None and len(truth) == len(wanted)
        for i, annotation in enumerate(wanted):
            x, y, w, h = annotation["bbox"]
            np.testing.assert_allclose(truth.boxes[i], [x, y, x + w, y + h], rtol=0, atol=1e-9)
            assert category_ids[truth.labels[i]] == annotation["category_id"]
            assert truth.crowd[i] == bool(annotation["iscrowd"])
            assert truth.areas[i] == annotation["area"]
            assert library.decode(truth.masks[i]).sum() == api.annToMask(annotation).sum()
        objects += len(truth)
    assert objects == 815


def _with(part: str, key: str, value: Any, row: int = 0) -> Any:
    content = annotations()
    content[part][row][key] = value
    return content


HUGE = 10**299  # finite as a float, just


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 200_000, "nested too deep"),
        ('{"images": ' * 100_000, "nested too deep"),
        (json.dumps(annotations()).replace("4.5", "9" * 400), "a number of 400 digits"),
        (json.dumps(annotations()).replace("4.5", "9" * 5000), "a number of 5000 digits"),
        (json.dumps(annotations()).replace("4.5", "NaN"), "must be finite"),
        (json.dumps(annotations()).replace("4.5", "1e999"), "must be finite"),
        (json.dumps(annotations()).replace("20.5", "-Infinity"), "must be finite"),
        (_with("images", "id", [7]), r"images: id \[7\]: must be a number or a text"),
        (_with("annotations", "image_id", {}), "annotations: image_id"),
        (_with("annotations", "category_id", []), "annotations: category_id"),
        (_with("categories", "id", None), "categories: id None"),
        (_with("categories", "id", "dog"), "for category 18, which the file does not list"),
        (_with("images", "width", HUGE), "its run lengths are for|must be"),
        (_with("annotations", "segmentation", [[0, 0, 1e300, 0, 5, 5]]), "a point beyond 1048576"),
        (_with("annotations", "segmentation", [[0, 0, HUGE, 0, 5, 5]]), "a point beyond 1048576"),
        (_with("annotations", "segmentation", {"size": [10, 12], "counts": [HUGE]}), "do not add up"),
    ],
)  # fmt: skip
def test_what_no_exporter_writes_is_told_in_one_line(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(IdseError, match=said) as error:
        open_dataset(write(tmp_path, content))
    assert "\n" not in str(error.value)
