"""Data sets: COCO's format, Cityscapes, a folder of pictures, sequences; checked when they are opened."""

from __future__ import annotations

from idse.datasets import cityscapes, coco, folder, sequence
from idse.datasets.base import Dataset, DatasetSettings, Item
from idse.errors import IdseError

__all__ = ["Dataset", "DatasetSettings", "Item", "open_dataset"]

_KINDS = {
    "coco": coco.open_coco,
    "cityscapes": cityscapes.open_cityscapes,
    "folder": folder.open_folder,
    "sequence": sequence.open_sequence,
}
_SEQUENCE_ONLY = ("size", "bit_depth", "chroma", "matrix", "full_range")


def open_dataset(settings: DatasetSettings) -> Dataset:
    """Open a data set and check it: of pictures only the headers are read, and truths are made when asked for.

    Raises:
        IdseError: Files are missing, sizes or formats are wrong, annotations are empty or damaged, or a setting does
            not fit the kind. One line that names the first file and says what to do.
    """
    kind = settings.kind
    if kind not in _KINDS:
        raise IdseError(f"data set kind '{kind}': must be one of {', '.join(_KINDS)}")
    _check_values(settings)
    if not settings.images.exists():
        raise IdseError(f"{settings.images}: no such {'file or ' if kind == 'sequence' else ''}folder")
    if kind != "sequence" and not settings.images.is_dir():
        raise IdseError(f"{settings.images}: is no folder; the images of kind {kind} are one")
    if kind == "coco" and settings.annotations is None:
        raise IdseError("a data set of kind coco needs annotations: the path of its JSON file")
    if kind in ("folder", "sequence") and settings.annotations is not None:
        raise IdseError(
            f"annotations are of no use to a data set of kind {kind}: leave them out, or say kind coco"
        )
    if kind != "sequence":
        given = [key for key in _SEQUENCE_ONLY if getattr(settings, key) is not None]
        if given or settings.frames != (0, None):
            raise IdseError(
                f"{(given or ['frames'])[0]} is only for data sets of kind sequence: leave it out"
            )
    return _KINDS[kind](settings)


def _check_values(settings: DatasetSettings) -> None:
    """Raise an `IdseError` for values that no kind can use; those of a plan come unchecked from its file."""

    def whole(value: object, least: int) -> bool:
        return type(value) is int and value >= least

    def pair(value: object) -> bool:
        return isinstance(value, tuple) and len(value) == 2

    frames, size, only = settings.frames, settings.size, settings.only
    for key, right, form in (
        ("limit", settings.limit is None or whole(settings.limit, 1), "a whole number, at least 1"),
        (
            "only",
            isinstance(only, tuple) and all(isinstance(name, str) for name in only),
            "a list of item names",
        ),
        ("size", size is None or (pair(size) and all(whole(s, 1) for s in size)), "width and height"),
        ("bit_depth", settings.bit_depth is None or whole(settings.bit_depth, 8), "a whole number, 8..16"),
        ("chroma", settings.chroma in (None, "400", "420"), "400 or 420"),
        (
            "frames",
            pair(frames) and whole(frames[0], 0) and (frames[1] is None or whole(frames[1], frames[0] + 1)),
            "the first frame, and the one after the last",
        ),
        ("matrix", settings.matrix in (None, "bt601", "bt709"), "bt601 or bt709"),
        ("full_range", settings.full_range in (None, False, True), "true or false"),
    ):
        if not right:
            raise IdseError(f"{key} of the data set: {getattr(settings, key)!r}: must be {form}")
