"""The `[dataset]` table of a plan or a training's file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idse.datasets.base import DatasetSettings
from idse.errors import IdseError
from idse.media.io import parse_frames
from idse.media.raw import parse_size
from idse.toml_file import only_known


def read_dataset_table(entry: Mapping[str, Any], folder: Path) -> DatasetSettings:
    """A `[dataset]` table as settings; paths are relative to `folder`.

    Raises:
        IdseError: A key that is unknown or missing.
    """
    known = tuple(f.name for f in dataclasses.fields(DatasetSettings))
    only_known(entry, known, "the data set")
    values = dict(entry)
    for name in ("kind", "images"):
        if not isinstance(values.get(name), str):
            raise IdseError(f"the data set needs {name}")
    for name in ("images", "annotations"):
        if name in values:
            values[name] = folder / values[name]
    if isinstance(values.get("size"), str):
        values["size"] = parse_size(values["size"])
    if isinstance(values.get("frames"), str):  # "2:" has no form as a list
        values["frames"] = parse_frames(values["frames"])
    for name in ("only", "size", "frames"):
        if isinstance(values.get(name), list):
            values[name] = tuple(values[name])
    return DatasetSettings(**values)
