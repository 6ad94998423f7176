"""Cityscapes with its fine annotations, for the seven classes that it shares with COCO.

Facts of the data set, as its own scripts (github.com/mcordts/cityscapesScripts) state them: pictures lie at
`leftImg8bit/SPLIT/CITY/CITY_SEQUENCE_FRAME_leftImg8bit.png`, and for each there is a
`gtFine/SPLIT/CITY/CITY_SEQUENCE_FRAME_gtFine_instanceIds.png` of 16 bit, whose samples are `label * 1000 + n` for the
n-th object of a label, and `label` alone for a group whose members could not be separated. Annotations of the split
"test" are not public.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from idse.datasets import masks
from idse.datasets.base import (
    STILL_CONVERSION,
    Dataset,
    DatasetSettings,
    Item,
    check_missing,
    choose,
)
from idse.datasets.headers import picture_header
from idse.errors import IdseError
from idse.metrics.detection import Truth

CLASS_LABELS = {
    "person": 24,
    "car": 26,
    "truck": 27,
    "bus": 28,
    "train": 31,
    "motorcycle": 32,
    "bicycle": 33,
}
"""Cityscapes' label of each class. COCO has no class for its rider (25)."""

_PICTURE_END = "_leftImg8bit.png"
_TRUTH_END = "_gtFine_instanceIds.png"
_IDS_MODES = ("I;16", "I;16B", "I")  # Pillow's modes for a 16-bit grey PNG; they differ by version


def open_cityscapes(settings: DatasetSettings) -> Dataset:
    """Open one split. Boxes are the smallest ones around the masks; groups become crowds.

    Raises:
        IdseError: See `open_dataset`.
    """
    pictures, annotations = _folders(settings)
    if settings.split == "test":
        raise IdseError(f"{annotations}: annotations of the split test are not public: use train or val")
    for folder in (pictures, annotations):
        if not (folder / settings.split).is_dir():
            raise IdseError(
                f"{folder / settings.split}: no such folder: unpack this part, or name another split"
            )
    masks.mask_library()
    found = sorted((pictures / settings.split).glob(f"*/*{_PICTURE_END}"))
    if not found:
        raise IdseError(
            f"{pictures / settings.split}: holds no CITY/*{_PICTURE_END}: unpack the pictures there"
        )
    truths = sorted((annotations / settings.split).glob(f"*/*{_TRUTH_END}"))

    chosen = choose(settings, found, _item_name)
    pairs = [(name, path, annotations / settings.split / f"{name}{_TRUTH_END}") for name, path in chosen]
    check_missing(
        [truth for _, _, truth in pairs],
        len(pairs),
        "annotations of the chosen pictures",
        "unpack gtFine, or choose others with only or limit",
    )
    for _, path, truth in pairs:
        _check_pair(path, truth)
    items = tuple(Item(name, path, load_truth=partial(_truth, truth)) for name, path, truth in pairs)
    # Nearly always the first item is enough.
    if not any(len(item.truth or ()) for item in items):
        raise IdseError(
            f"{annotations / settings.split}: not one object of {', '.join(CLASS_LABELS)} in the {len(items)} "
            "chosen pictures: choose others"
        )
    notes = []
    without_picture = len({_truth_name(p) for p in truths} - {_item_name(p) for p in found})
    if without_picture:
        notes.append(f"{without_picture} annotations belong to missing pictures.")
    return Dataset(
        name=settings.name or f"cityscapes-{settings.split}",
        kind="cityscapes",
        classes=tuple(CLASS_LABELS),
        items=items,
        has_masks=True,
        identity={
            "kind": "cityscapes",
            "annotations": _digest(truths),
            "classes": dict(CLASS_LABELS),
            "truth": "instanceIds; boxes and areas of the masks; groups are crowds",
            "conversion": STILL_CONVERSION,
        },
        notes=tuple(notes),
    )


def _folders(settings: DatasetSettings) -> tuple[Path, Path]:
    """The folders leftImg8bit and gtFine."""
    root = settings.images
    pictures = root if root.name == "leftImg8bit" else root / "leftImg8bit"
    annotations = settings.annotations or pictures.parent / "gtFine"
    for folder in (pictures, annotations):
        if not folder.is_dir():
            raise IdseError(
                f"{folder}: no such folder: Cityscapes is ROOT/leftImg8bit and ROOT/gtFine: give ROOT as images"
            )
    return pictures, annotations


def _item_name(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix(_PICTURE_END)}"


def _truth_name(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix(_TRUTH_END)}"


def _check_pair(path: Path, truth: Path) -> None:
    width, height, _, _ = picture_header(path)
    truth_width, truth_height, mode, _ = picture_header(truth)
    if mode not in _IDS_MODES:
        raise IdseError(
            f"{truth}: is not a 16-bit grey PNG of instance ids (its mode in Pillow is {mode}): unpack gtFine again"
        )
    if (width, height) != (truth_width, truth_height):
        raise IdseError(
            f"{path}: is {width}x{height}, but {truth.name} is {truth_width}x{truth_height}: "
            "use the pictures that were annotated"
        )


def _digest(truths: Sequence[Path]) -> str:
    """SHA-256 of the names and contents of the split's annotations."""
    total = hashlib.sha256()
    for path in truths:
        total.update(f"{_truth_name(path)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _truth(path: Path) -> Truth:
    """The objects and groups of a picture by their ids."""
    try:
        with Image.open(path) as opened:
            ids = np.asfortranarray(opened)
    except (OSError, SyntaxError, ValueError, EOFError):
        raise IdseError(f"{path}: damaged instance ids: unpack gtFine again") from None
    class_of = {label: index for index, label in enumerate(CLASS_LABELS.values())}
    boxes, labels, crowd, areas, found = [], [], [], [], []
    for value in np.unique(ids).tolist():
        label = value if value < 1000 else value // 1000
        if label not in class_of:
            continue
        rle, box, area = masks.encoded(ids == value)
        boxes.append(box)
        labels.append(class_of[label])
        crowd.append(value < 1000)
        areas.append(area)
        found.append(rle)
    return Truth(
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        labels=np.array(labels, dtype=np.int64),
        crowd=np.array(crowd, dtype=bool),
        areas=np.array(areas, dtype=np.float64),
        masks=tuple(found),
    )
