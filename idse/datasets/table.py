"""The `[dataset]` table of a plan or a training's file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from idse.datasets.base import DatasetSettings
from idse.media.io import parse_frames
from idse.media.raw import parse_size
from idse.schema import check_table


def read_dataset_table(
    entry: Mapping[str, Any], folder: Path, path: str = "dataset", also: Collection[str] = ()
) -> DatasetSettings:
    """A `[dataset]` table as settings.

    Args:
        entry: The table.
        folder: What paths in it are relative to.
        path: Where the table is in its file.
        also: Further keys of the table, which the caller reads itself.

    Raises:
        IdseError: A key that is unknown or missing, or a wrong value.
    """
    values = dict(entry)
    if isinstance(values.get("size"), str):
        values["size"] = list(parse_size(values["size"]))
    if isinstance(values.get("frames"), str):  # "2:" cannot be written as a list
        values["frames"] = list(parse_frames(values["frames"]))
    for name in ("images", "annotations"):
        if isinstance(values.get(name), str):
            values[name] = folder / values[name]
    return check_table(values, DatasetSettings, path, also=also)
