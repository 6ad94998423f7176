"""The file of the embedded extractor's weights, read without torch: its header, its arrays and its teachers' profiles.

The file is an npz archive: the network's tensors in float16 and, as the text `__meta__`, a JSON header. Format 3 has
"profiles": by target, the mean frequency profile `[3, 8, 8]` of the detectors that the network was trained with.
Formats 1 (which knows the target "features" only) and 2 have none.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.json_text import parse_json

FORMAT = 3
"""Version of the weights file."""

TARGETS = ("features", "detections", "both")
"""What the sensitivities that a network predicts may be of."""

WEIGHTS = Path(__file__).with_name("embedded_weights.npz")
"""The weights in the package."""

_SIDE = 8
_PLANES = 3
_READ = (1, 2, FORMAT)
_MOST_BYTES = 1 << 26
"""Of all arrays of a weights file."""
_GREATEST = 1e6


@dataclass(frozen=True, eq=False)
class WeightsFile:
    """The contents of a weights file.

    Attributes:
        header: The JSON header as it stands in the file; only the parts below are checked.
        arrays: The tensors by name.
        targets: What the network predicts sensitivities of.
        profiles: float32 `[3, 8, 8]` by target, each table with a mean of 1; empty for formats 1 and 2.
        sha256: Of the file.
    """

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    targets: tuple[str, ...]
    profiles: dict[str, NDArray[np.float32]]
    sha256: str


def not_weights(path: Path) -> IdseError:
    """The error of a file that is not what it should be."""
    return IdseError(f"{path}: not a weights file of the embedded extractor; scripts/train_embedded.py writes them")


def read_weights(path: Path) -> WeightsFile:
    """Read a weights file.

    Raises:
        IdseError: The file does not exist, or is not such a file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise IdseError(f"{path}: cannot read the embedded extractor's weights ({reason})") from None
    try:
        with np.load(path, allow_pickle=False) as archive:
            if sum(entry.file_size for entry in archive.zip.infolist()) > _MOST_BYTES:
                raise ValueError("a few bytes that become many")
            header = parse_json(str(archive["__meta__"]))
            arrays = {name: archive[name] for name in archive.files if name != "__meta__"}
        if header["format"] not in _READ:
            raise IdseError(f"{path}: weights of format {header['format']}; this version reads {FORMAT}")
        targets = tuple(header.get("targets", ("features",)))
        if "features" not in targets or not set(targets) <= set(TARGETS):
            raise ValueError("unknown targets")
        profiles = {name: _tables(value) for name, value in header.get("profiles", {}).items()}
        if not set(profiles) <= set(targets):
            raise ValueError("profiles of unknown targets")
    except IdseError:
        raise
    except Exception:  # archives, arrays and headers fail in many ways
        raise not_weights(path) from None
    return WeightsFile(header, arrays, targets, profiles, hashlib.sha256(data).hexdigest())


def write_weights(path: Path, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Write a weights file; an older file of that name stays until the new one is whole."""
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        np.savez_compressed(file, __meta__=np.array(json.dumps(header, sort_keys=True)), **arrays)
    partial.replace(path)


def profiles_for_header(profiles: dict[str, NDArray[np.floating[Any]]]) -> dict[str, Any]:
    """Profiles `[3, 8, 8]` by target as values of the header, to six decimals."""
    return {name: np.round(tables.astype(np.float64), 6).tolist() for name, tables in profiles.items()}


@functools.cache
def package_weights() -> WeightsFile:
    """The package's own weights file."""
    return read_weights(WEIGHTS)


def _tables(value: Any) -> NDArray[np.float32]:
    tables = np.array(value, dtype=np.float64)
    if tables.shape != (_PLANES, _SIDE, _SIDE) or not np.isfinite(tables).all():
        raise ValueError("no profile")
    if tables.min() < 0 or tables.max() > _GREATEST or not tables[:, :3, :3].any((1, 2)).all():
        raise ValueError("profile out of range")
    return np.asarray(tables / tables.mean((1, 2), keepdims=True), dtype=np.float32)
