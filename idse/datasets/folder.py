"""A folder of pictures without annotations; pseudo ground truth is used instead."""

from __future__ import annotations

from idse.datasets.base import (
    STILL_CONVERSION,
    Dataset,
    DatasetSettings,
    Item,
    choose,
    item_names,
)
from idse.datasets.headers import picture_header
from idse.errors import IdseError
from idse.media.io import list_pictures


def open_folder(settings: DatasetSettings) -> Dataset:
    """Open the pictures in a folder, not in its subfolders; other files are ignored.

    Raises:
        IdseError: See `open_dataset`.
    """
    try:
        found = list_pictures(settings.images)
    except OSError as error:
        raise IdseError(f"{settings.images}: cannot be read ({error.strerror or error})") from None
    names = item_names([p.name for p in found])
    chosen = choose(settings, found, lambda path: names[path.name])
    for _, path in chosen:
        picture_header(path)
    return Dataset(
        name=settings.title,
        kind="folder",
        classes=(),
        items=tuple(Item(name, path) for name, path in chosen),
        has_masks=False,
        identity={"kind": "folder", "conversion": STILL_CONVERSION},
    )
