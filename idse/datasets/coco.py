"""Data sets in COCO's format: a JSON file with images, categories and annotations."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from idse.datasets import masks
from idse.datasets.base import (
    STILL_CONVERSION,
    Dataset,
    DatasetSettings,
    Item,
    check_missing,
    choose,
    item_names,
)
from idse.datasets.headers import picture_header
from idse.errors import IdseError
from idse.json_text import parse_json
from idse.media.still import SUFFIXES
from idse.metrics.detection import Truth

Record = dict[str, Any]


def open_coco(settings: DatasetSettings) -> Dataset:
    """Open the pictures that the annotation file lists; other files in the folder are ignored.

    Classes are the file's categories by their ids. The whole annotation file is checked, but only the chosen
    pictures. Boxes and areas are those of the file; polygons and run lengths become masks when `Item.truth` is needed.
    The data set has masks if every annotation has one.

    Raises:
        IdseError: See `open_dataset`.
    """
    assert settings.annotations is not None
    path = settings.annotations
    data, digest = _load(path)
    images, categories, annotations = data["images"], data["categories"], data["annotations"]
    by_id = {image["id"]: image for image in images}
    category_ids = sorted((category["id"] for category in categories), key=lambda i: (isinstance(i, str), i))
    labels = {category_id: label for label, category_id in enumerate(category_ids)}
    names = {category["id"]: str(category["name"]) for category in categories}
    _check_unique(path, "image id", [image["id"] for image in images])
    _check_unique(path, "file_name", [image["file_name"] for image in images])
    _check_unique(path, "category id", category_ids)
    _check_unique(path, "category name", list(names.values()))
    _check_annotations(path, annotations, by_id, labels)

    has_masks = all("segmentation" in a for a in annotations)
    if has_masks:
        masks.mask_library()
        _check_masks(path, annotations, by_id)
    per_image: dict[Any, list[Record]] = defaultdict(list)
    for annotation in annotations:
        per_image[annotation["image_id"]].append(annotation)

    item_name = item_names([image["file_name"] for image in images])
    chosen = choose(settings, images, lambda image: item_name[image["file_name"]])
    turned = _check_pictures(settings, [image for _, image in chosen], len(images))
    if not any(per_image.get(image["id"]) for _, image in chosen):
        raise IdseError(
            f"{path}: has no annotation for any of the {len(chosen)} chosen pictures: choose others, "
            "or use kind folder (pseudo ground truth)"
        )
    items = tuple(
        Item(
            name,
            settings.images / image["file_name"],
            load_truth=partial(
                _truth,
                path,
                per_image.get(image["id"], []),
                labels,
                image["height"],
                image["width"],
                has_masks,
            ),
        )
        for name, image in chosen
    )
    classes = tuple(names[i] for i in category_ids)
    return Dataset(
        name=settings.title,
        kind="coco",
        classes=classes,
        items=items,
        has_masks=has_masks,
        identity={
            "kind": "coco",
            "annotations": digest,
            "classes": list(classes),
            "conversion": STILL_CONVERSION,
        },
        notes=tuple(
            _notes(settings, images, annotations, turned)
            + _chosen_notes([per_image.get(image["id"], []) for _, image in chosen])
        ),
    )


def _load(path: Path) -> tuple[Record, str]:
    """The annotation file with its three lists, and its SHA-256."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise IdseError(f"{path}: the annotations cannot be read ({error.strerror or error})") from None
    try:
        data = parse_json(content)
    except ValueError as error:
        raise IdseError(f"{path}: is not a JSON file, or is damaged ({error}): download it again") from None
    if isinstance(data, list):
        raise IdseError(f"{path}: is a list, as files of detections are: give COCO's instances file")
    for part, keys in (
        ("images", ("id", "file_name", "width", "height")),
        ("categories", ("id", "name")),
        ("annotations", ("id", "image_id", "category_id", "bbox")),
    ):
        rows = data.get(part) if isinstance(data, dict) else None
        if not isinstance(rows, list):
            raise IdseError(f"{path}: has no {part}: give an annotation file in COCO's format (instances)")
        if not rows:
            raise IdseError(f"{path}: its {part} are empty: give another file, or use kind folder")
        for number, row in enumerate(rows):
            lacking = [k for k in keys if not isinstance(row, dict) or k not in row]
            if lacking:
                raise IdseError(f"{path}: {part}[{number}] has no {lacking[0]}: this is not COCO's format")
    for part in ("images", "annotations", "categories"):
        for row in data[part]:
            if wrong := [k for k in ("id", "image_id", "category_id") if not _is_id(row.get(k, 0))]:
                raise IdseError(f"{path}: {part}: {wrong[0]} {row[wrong[0]]}: must be a number or a text")
    for image in data["images"]:
        if not isinstance(image["file_name"], str) or not _is_size(image["width"], image["height"]):
            raise IdseError(
                f"{path}: image {image['id']}: file_name {image['file_name']}, width {image['width']}, height "
                f"{image['height']}: must be a name and two positive whole numbers: repair the file"
            )
    return data, hashlib.sha256(content).hexdigest()


def _check_unique(path: Path, what: str, values: list[Any]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise IdseError(f"{path}: the {what} {twice[0]} appears twice: repair the annotation file")


def _check_annotations(
    path: Path, annotations: list[Record], images: dict[Any, Record], labels: dict[Any, int]
) -> None:
    for what, key, known in (("picture", "image_id", images), ("category", "category_id", labels)):
        unknown = [a for a in annotations if a[key] not in known]
        if unknown:
            raise IdseError(
                f"{path}: annotation {unknown[0]['id']} is for {what} {unknown[0][key]}, which the file does not list "
                f"({len(unknown)} of {len(annotations)} annotations have this fault): repair or filter the file"
            )
    faulty = [a for a in annotations if not _is_box(a["bbox"]) or not _is_area(a.get("area", 0))]
    if faulty:
        first = faulty[0]
        raise IdseError(
            f"{path}: annotation {first['id']} of {images[first['image_id']]['file_name']}: bbox {first['bbox']}, "
            f"area {first.get('area', '-')}: must be finite and not negative (x, y, width, height); "
            f"{len(faulty)} of {len(annotations)} annotations are faulty: repair the file"
        )


def _is_id(value: Any) -> bool:
    return isinstance(value, (int, float, str))


def _is_box(box: Any) -> bool:
    return (
        isinstance(box, list)
        and len(box) == 4
        and all(type(n) in (int, float) and math.isfinite(n) for n in box)
        and min(box[2:]) >= 0
    )


def _is_size(*sides: Any) -> bool:
    return all(type(side) is int and side > 0 for side in sides)


def _is_area(area: Any) -> bool:
    return type(area) in (int, float) and math.isfinite(area) and area >= 0


def _check_masks(path: Path, annotations: list[Record], images: dict[Any, Record]) -> None:
    for annotation in annotations:
        image = images[annotation["image_id"]]
        if fault := masks.fault_of(annotation["segmentation"], image["height"], image["width"]):
            raise IdseError(
                f"{path}: annotation {annotation['id']} of {image['file_name']}: {fault}: repair the file"
            )


def _check_pictures(settings: DatasetSettings, images: list[Record], total: int) -> int:
    """Check that the pictures exist and have the right size. Returns how many of them their EXIF data rotates."""
    folder = settings.images
    check_missing(
        [folder / image["file_name"] for image in images],
        total,
        f"pictures that {settings.annotations} lists",
        "download them, name the right folder, or choose others with only or limit",
    )
    wrong: list[str] = []
    turned = 0
    for image in images:
        width, height, _, orientation = picture_header(folder / image["file_name"])
        turned += orientation != 1
        if (width, height) != (image["width"], image["height"]):
            wrong.append(
                f"{folder / image['file_name']}: is {width}x{height}"
                f"{' (rotated by its EXIF data)' if orientation != 1 else ''}, "
                f"its annotations are for {image['width']}x{image['height']}"
            )
    if wrong:
        raise IdseError(
            f"{wrong[0]}: use the pictures that were annotated ({len(wrong)} of {len(images)} have another size)"
        )
    return turned


def _truth(
    path: Path, annotations: list[Record], labels: dict[Any, int], height: int, width: int, has_masks: bool
) -> Truth:
    boxes = np.array([a["bbox"] for a in annotations], dtype=np.float64).reshape(-1, 4)
    areas = [a.get("area", a["bbox"][2] * a["bbox"][3]) for a in annotations]
    found = []
    for annotation in annotations if has_masks else []:
        try:
            found.append(masks.compressed(annotation["segmentation"], height, width))
        except IdseError as error:
            raise IdseError(f"{path}: annotation {annotation['id']}: {error}: repair the file") from None
    return Truth(
        boxes=np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
        labels=np.array([labels[a["category_id"]] for a in annotations], dtype=np.int64),
        crowd=np.array([bool(a.get("iscrowd", 0)) for a in annotations], dtype=bool),
        areas=np.array(areas, dtype=np.float64),
        masks=tuple(found) if has_masks else None,
    )


def _notes(
    settings: DatasetSettings, images: list[Record], annotations: list[Record], turned: int
) -> list[str]:
    """Remarks on the whole file and the folder."""
    notes = []
    total = len(annotations)
    without = sum("segmentation" not in a for a in annotations)
    if without:
        notes.append(f"{without} of {total} annotations have no mask: only boxes are compared.")
    else:
        empty = sum(masks.is_empty(a["segmentation"]) for a in annotations)
        if empty:
            notes.append(f"{empty} of {total} annotations have an empty mask (no polygon of three points).")
    no_area = sum("area" not in a for a in annotations)
    if no_area:
        notes.append(f"{no_area} of {total} annotations have no area: the area of the box is used.")
    listed = {Path(image["file_name"]).name for image in images}
    others = sum(
        p.suffix.lower() in SUFFIXES and p.name not in listed
        for p in settings.images.iterdir()
        if not p.name.startswith(".")
    )
    if others:
        notes.append(f"{others} pictures of the folder are not in the annotation file and are ignored.")
    if turned:
        notes.append(
            f"{turned} pictures are rotated by their EXIF data; annotations must fit the rotated picture."
        )
    return notes


def _chosen_notes(annotations: list[list[Record]]) -> list[str]:
    empty = sum(not of_image for of_image in annotations)
    return [f"{empty} of {len(annotations)} pictures have no annotation."] if empty else []
