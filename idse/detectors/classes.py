"""Names of classes: COCO's 80, and entries of other lists of classes that are not objects."""

from __future__ import annotations

from collections.abc import Sequence

from idse.errors import IdseError

# fmt: off
COCO_CLASSES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard",
    "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)
"""In the order of COCO's annotations, which detectors trained on COCO use."""
# fmt: on

_NO_OBJECT = frozenset({"__background__", "background", "n/a", "no person"})


def real_classes(categories: Sequence[str]) -> list[int]:
    """Indices of the objects in a list of categories (COCO's 91 ids in torchvision): no background, no gaps."""
    return [i for i, name in enumerate(categories) if name.lower() not in _NO_OBJECT]


def class_names(given: Sequence[str], count: int, owner: str) -> tuple[str, ...]:
    """The names of a model's classes: the given ones, else COCO's.

    Args:
        given: From the settings; may be empty.
        count: Number of classes of the model.
        owner: Name of the model, for the message.

    Raises:
        IdseError: Their number is not the model's, or a name appears twice.
    """
    if not given and count != len(COCO_CLASSES):
        raise IdseError(f"{owner} knows {count} classes, not COCO's {len(COCO_CLASSES)}: name them (classes)")
    names = tuple(given) or COCO_CLASSES
    if len(names) != count:
        raise IdseError(f"{owner} knows {count} classes, but {len(names)} are named (classes)")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise IdseError(f"{owner}: the class '{twice}' is named twice (classes)")
    return names
