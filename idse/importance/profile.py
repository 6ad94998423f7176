"""Frequency profiles that do not come from a picture's own gradients, and the file of a mean profile (NumPy only).

A profile is a table `[8, 8]` for each plane: element `[v, u]` weighs the DCT-II frequency with v half periods down and
u across in 8 samples of that plane. Its scale has no meaning; the tables of this module have a mean of 1.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.importance.weight_map import LOWEST, TILE
from idse.json_text import parse_json

_KIND = "idse-profile"
_VERSION = 1
_MOST_BYTES = 1 << 20
MEASURED_SIDE = 640
"""Longer side, in luma samples, of the pictures that the embedded network's mean profile is of."""
_LOWPASS = (0.28, 0.56, 0.56)
"""Decay by one step of frequency in luma, Cb and Cr."""


@dataclass(frozen=True, eq=False)
class MeanProfile:
    """The mean profile of many pictures, as `idse map --profile` writes it.

    Attributes:
        tables: float32 `[1 or 3, 8, 8]`, each with a mean of 1.
        pictures: Number of pictures in the mean.
        detector: Names of the detectors, joined by "+".
        target: What their maps preserve.
        settings: How the maps were made, JSON-serialisable.
        sha256: Of the file that it was read from; empty if it was not.
    """

    tables: NDArray[np.float32]
    pictures: int
    detector: str
    target: str
    settings: dict[str, Any]
    sha256: str = ""

    def save(self, path: Path | str) -> None:
        """Write the profile as JSON.

        Raises:
            IdseError: The file cannot be written.
        """
        value = {
            "kind": _KIND,
            "version": _VERSION,
            "planes": len(self.tables),
            "pictures": self.pictures,
            "detector": self.detector,
            "target": self.target,
            "settings": self.settings,
            "profiles": [[[round(float(x), 6) for x in row] for row in table] for table in self.tables],
        }
        try:
            Path(path).write_text(json.dumps(value, indent=1) + "\n")
        except OSError as error:
            raise IdseError(f"cannot write the profile {path}: {error.strerror or error}") from None

    @classmethod
    def load(cls, path: Path | str) -> MeanProfile:
        """Read a profile.

        Raises:
            IdseError: The file cannot be read, or is no profile.
        """
        try:
            with open(path, "rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            raise IdseError(
                f"profile '{path}': no such file; choose own, none, embedded, lowpass or a file that "
                "idse map --profile wrote"
            ) from None
        except OSError as error:
            raise IdseError(f"cannot read the profile {path}: {error.strerror or error}") from None
        try:
            if len(data) > _MOST_BYTES:
                raise ValueError("too large")
            value = parse_json(data)
            if not isinstance(value, dict) or value.get("kind") != _KIND:
                raise ValueError("no profile")
            if type(value.get("version")) is not int or value["version"] != _VERSION:
                raise IdseError(f"{path}: a profile of version {value.get('version')!r}; this version reads {_VERSION}")
            tables = _tables(value["profiles"])
            if type(value["planes"]) is not int or value["planes"] != len(tables):
                raise ValueError("planes do not fit")
            pictures, settings = value["pictures"], value["settings"]
            if type(pictures) is not int or pictures < 1 or not isinstance(settings, dict):
                raise ValueError("wrong types")
            detector, target = value["detector"], value["target"]
            if not isinstance(detector, str) or not isinstance(target, str):
                raise ValueError("wrong types")
        except IdseError:
            raise
        except (ValueError, KeyError, TypeError, OverflowError):
            raise IdseError(
                f"{path}: no frequency profile, or damaged; idse map --profile writes such files"
            ) from None
        return cls(tables, pictures, detector, target, settings, hashlib.sha256(data).hexdigest())


class ProfileSum:
    """Sums the profiles of pictures, each divided by its mean first, so that every picture counts alike.

    Attributes:
        pictures: Number of pictures so far.
    """

    def __init__(self) -> None:
        self.pictures = 0
        self._sum: NDArray[np.float64] | None = None

    def add(self, profiles: NDArray[np.floating[Any]]) -> None:
        """Add the profiles `[frames, 1 or 3, 8, 8]` of some pictures.

        Raises:
            IdseError: Some pictures have chroma planes, others have none.
        """
        tables = with_mean_one(profiles).astype(np.float64)
        if self._sum is None:
            self._sum = np.zeros(tables.shape[1:])
        if self._sum.shape != tables.shape[1:]:
            raise IdseError("pictures with and without chroma have no common profile; choose --luma-only")
        self._sum += tables.sum(0)
        self.pictures += len(tables)

    def mean(self) -> NDArray[np.float32]:
        """The mean `[1 or 3, 8, 8]` of one or more pictures."""
        assert self._sum is not None, "no pictures"
        return with_mean_one(self._sum)


def _tables(value: Any) -> NDArray[np.float32]:
    if not all(type(x) in (int, float) for table in value for row in table for x in row):
        raise TypeError("no numbers")  # NumPy would read "1" and true
    tables = np.array(value, dtype=np.float64)
    if tables.ndim != 3 or len(tables) not in (1, 3) or tables.shape[1:] != (TILE, TILE):
        raise ValueError("shape")
    if not np.isfinite(tables).all() or tables.min() < 0 or tables.max() > 1e30:
        raise ValueError("values")
    if not (tables[:, :LOWEST, :LOWEST].mean((1, 2)) > 1e-30).all():
        raise ValueError("nothing at the lowest frequencies")
    return with_mean_one(tables)


def with_mean_one(tables: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Tables `[..., 8, 8]`, each divided by its mean."""
    exact = tables.astype(np.float64)
    return np.asarray(exact / exact.mean((-2, -1), keepdims=True), dtype=np.float32)


def lowpass() -> NDArray[np.float32]:
    """A made-up profile `[3, 8, 8]` without any network: it falls by the same factor with every step of frequency."""
    steps = np.add.outer(np.arange(TILE), np.arange(TILE))
    return with_mean_one(np.stack([np.exp(-decay * steps) for decay in _LOWPASS]))


def at_size(tables: NDArray[np.floating[Any]], longer_side: int) -> NDArray[np.float32]:
    """The embedded network's mean profile, for pictures of another size than those that it is of.

    Detectors reduce every picture to a size of their own. Therefore what one of them sees of a frequency depends on the
    longer side: in a picture twice as large, the same detail has half the frequency. Frequencies beyond those of
    the table have its least weight.

    Args:
        tables: `[..., 8, 8]`, of pictures whose longer side has `MEASURED_SIDE` samples.
        longer_side: Of the pictures to code, in luma samples.
    """
    if longer_side == MEASURED_SIDE:
        return np.asarray(tables, dtype=np.float32)
    at = np.arange(TILE) * (longer_side / MEASURED_SIDE)
    below = np.minimum(at.astype(int), TILE - 2)
    share = np.clip(at - below, 0, 1)
    exact = tables.astype(np.float64)
    rows = exact[..., below, :] * (1 - share)[:, None] + exact[..., below + 1, :] * share[:, None]
    scaled = rows[..., below] * (1 - share) + rows[..., below + 1] * share
    beyond = np.maximum.outer(at, at) > TILE - 1
    least = exact.min((-2, -1), keepdims=True)
    return with_mean_one(np.where(beyond, least, scaled))


def mixed(
    own: NDArray[np.floating[Any]], prior: NDArray[np.floating[Any]], share: float
) -> NDArray[np.float32]:
    """Mix a prior into profiles, each divided by its mean over the lowest 3x3 frequencies first, as shaping does.

    Args:
        own: `[frames, 1 or 3, 8, 8]`.
        prior: `[3, 8, 8]`; of a single own plane, only luma's is used.
        share: Of the prior, 0..1; 0 gives `own` as it is.
    """
    if share == 0:
        return np.asarray(own, dtype=np.float32)
    mine, other = (
        t.astype(np.float64) / t[..., :LOWEST, :LOWEST].mean((-2, -1), keepdims=True, dtype=np.float64)
        for t in (own, prior[: own.shape[1]])
    )
    return with_mean_one((1 - share) * mine + share * other)
