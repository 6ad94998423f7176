"""Data sets: COCO's format, Cityscapes, folders of pictures, and sequences. They are checked when opened."""

from __future__ import annotations

from idse.datasets import cityscapes, coco, folder, sequence
from idse.datasets.base import Dataset, DatasetSettings, Item
from idse.errors import IdseError
from idse.schema import check_settings

__all__ = ["Dataset", "DatasetSettings", "Item", "open_dataset"]

_KINDS = {
    "coco": coco.open_coco,
    "cityscapes": cityscapes.open_cityscapes,
    "folder": folder.open_folder,
    "sequence": sequence.open_sequence,
}
_SEQUENCE_ONLY = ("size", "bit_depth", "chroma", "matrix", "full_range")


def open_dataset(settings: DatasetSettings) -> Dataset:
    """Open a data set and check it. Only the headers of pictures are read, and truths are made when needed.

    Raises:
        IdseError: Files are missing, sizes or formats are wrong, annotations are empty or damaged, or a setting does
            not fit the kind. The message is one line that names the first file and says what to do.
    """
    kind = settings.kind
    if kind not in _KINDS:
        raise IdseError(f"data set kind '{kind}': must be one of {', '.join(_KINDS)}")
    check_settings(settings, "dataset")
    first, end = settings.frames
    if end is not None and end <= first:
        raise IdseError(
            f"dataset.frames {list(settings.frames)}: must be the first frame and the one after the last frame"
        )
    if not settings.images.exists():
        raise IdseError(f"{settings.images}: no such {'file or ' if kind == 'sequence' else ''}folder")
    if kind != "sequence" and not settings.images.is_dir():
        raise IdseError(f"{settings.images}: is not a folder: images of kind {kind} must be one")
    if kind == "coco" and settings.annotations is None:
        raise IdseError("a data set of kind coco needs annotations: the path of its JSON file")
    if kind in ("folder", "sequence") and settings.annotations is not None:
        raise IdseError(f"a data set of kind {kind} takes no annotations: leave them out, or give kind coco")
    if kind != "sequence":
        given = [key for key in _SEQUENCE_ONLY if getattr(settings, key) is not None]
        if given or settings.frames != (0, None):
            raise IdseError(
                f"{(given or ['frames'])[0]} is only for data sets of kind sequence: leave it out"
            )
    return _KINDS[kind](settings)
