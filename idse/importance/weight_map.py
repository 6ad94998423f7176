"""The weight map, which estimators make, engines use, and the file `IDSEW001` stores.

Contract: `w(x, y) >= 0` in float32 on a grid of `2**log2_unit` luma samples; one plane for luma and, if the estimator
gives them, one each for Cb and Cr on the same grid. A larger w asks for more bits. The values are raw: the scale of the
map has no meaning, but the ratio of the chroma planes to luma has one (the sensitivity of one chroma sample divided by
that of one luma sample). Weights are shaped when a picture is encoded (`shaping.py`).

This module uses NumPy only: reading a map must not load torch.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.json_text import parse_json

MAGIC = b"IDSEW001"
TILE = 8
"""Side of the luma tiles that `WeightMap.tiles` describes, and of the tables of `WeightMap.profiles`."""
LOWEST = 3
"""Shaping divides a profile by its mean over this many frequencies in both directions."""

_HEADER = struct.Struct("<8s5I")
_SECTION = struct.Struct("<4sQ")
_TILES_HEADER = struct.Struct("<4I")
_PROFILES_HEADER = struct.Struct("<I")
_MAX_SIDE = 65536
_MAX_META = 1 << 20


@dataclass(frozen=True, eq=False)
class WeightMap:
    """Raw importance of the pictures of one sequence.

    Attributes:
        width: Of the pictures, in luma samples.
        height: Of the pictures, in luma samples.
        log2_unit: A grid cell covers `2**log2_unit` luma samples in both directions; 0..7.
        planes: float32 `[frames, 1 or 3, rows, cols]`, rows = ceil(height / unit). Finite, >= 0, luma of no frame
            all zero.
        tiles: Optional float32 `[frames, tile_rows, tile_cols, l, 64]`: the factor F of each 8x8 luma tile.
            `||F e||^2` is the tile's input-dependent squared error in the scale of `planes`, where `e` holds 64 luma
            errors in 8-bit units in raster order. Columns of F for samples outside the picture are 0.
        profiles: Optional float32 `[frames, 1 or 3, 8, 8]`: how the weight depends on frequency, for each plane; with
            one plane, luma's serves for chroma too. Element `[v, u]` belongs to the DCT-II frequency with v half
            periods down and u across in 8 samples of the plane. Finite, >= 0, mean 1 as estimated; the scale of each
            table has no meaning.
        meta: Provenance, JSON-serialisable (estimator, extractor, seed, ...).

    Raises:
        IdseError: The fields contradict each other, or hold values that are not valid weights.
    """

    width: int
    height: int
    log2_unit: int
    planes: NDArray[np.float32]
    tiles: NDArray[np.float32] | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    profiles: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if not (1 <= self.width <= _MAX_SIDE and 1 <= self.height <= _MAX_SIDE):
            raise IdseError(
                f"weight map for a picture of {self.width}x{self.height}: sides must be 1..{_MAX_SIDE}"
            )
        if not 0 <= self.log2_unit <= 7:
            raise IdseError(f"weight map with unit 2^{self.log2_unit}: must be 2^0..2^7 luma samples")
        planes = np.ascontiguousarray(self.planes, dtype=np.float32)
        object.__setattr__(self, "planes", planes)
        if planes.ndim != 4 or planes.shape[0] < 1 or planes.shape[1] not in (1, 3):
            raise IdseError(
                f"weight map of shape {planes.shape}: must be [frames, 1 or 3 planes, rows, columns]"
            )
        if planes.shape[2:] != (self.rows, self.cols):
            raise IdseError(
                f"weight map of {planes.shape[3]}x{planes.shape[2]} cells: a picture of {self.width}x{self.height} "
                f"has {self.cols}x{self.rows} of {1 << self.log2_unit} samples"
            )
        _check_values(planes, "weight map")
        if not planes[:, 0].any(axis=(1, 2)).all():
            raise IdseError("the luma weights of a frame are all zero; make the map again")
        if self.profiles is not None:
            self._check_profiles(np.ascontiguousarray(self.profiles, dtype=np.float32))
        if self.tiles is None:
            return
        tiles = np.ascontiguousarray(self.tiles, dtype=np.float32)
        object.__setattr__(self, "tiles", tiles)
        want = (self.frames, -(-self.height // TILE), -(-self.width // TILE))
        if tiles.ndim != 5 or tiles.shape[:3] != want or tiles.shape[3] < 1 or tiles.shape[4] != TILE * TILE:
            raise IdseError(f"tiles of shape {tiles.shape}: must be {want} + (l, {TILE * TILE})")
        if not np.isfinite(tiles).all():
            raise IdseError("the tiles hold values that are not finite; make the map again")

    def _check_profiles(self, profiles: NDArray[np.float32]) -> None:
        object.__setattr__(self, "profiles", profiles)
        shape = profiles.shape
        if len(shape) != 4 or shape[0] != self.frames or shape[1] not in (1, 3) or shape[2:] != (TILE, TILE):
            raise IdseError(
                f"frequency profiles of shape {shape}: must be [{self.frames}, 1 or 3, {TILE}, {TILE}]"
            )
        _check_values(profiles, "frequency profile")
        if not profiles[:, :, :LOWEST, :LOWEST].any(axis=(2, 3)).all():
            raise IdseError("a frequency profile is all zero at the lowest frequencies; make the map again")

    @property
    def frames(self) -> int:
        """Number of pictures."""
        return int(self.planes.shape[0])

    @property
    def rows(self) -> int:
        """Rows of the grid."""
        return -(-self.height // (1 << self.log2_unit))

    @property
    def cols(self) -> int:
        """Columns of the grid."""
        return -(-self.width // (1 << self.log2_unit))

    @property
    def has_chroma(self) -> bool:
        """Whether there are planes for Cb and Cr."""
        return self.planes.shape[1] == 3

    def check_fits(self, width: int, height: int, frames: int) -> None:
        """Check that the map was made for `frames` pictures of `width` x `height`.

        Raises:
            IdseError: It was made for other pictures.
        """
        if (self.width, self.height) != (width, height):
            raise IdseError(
                f"the weight map is for pictures of {self.width}x{self.height}, these have {width}x{height}"
            )
        if self.frames != frames:
            raise IdseError(f"the weight map has {self.frames} frame(s), the input {frames}")

    def select(self, start: int, stop: int) -> WeightMap:
        """The map of frames `start` .. `stop - 1`."""
        tiles = None if self.tiles is None else self.tiles[start:stop]
        profiles = None if self.profiles is None else self.profiles[start:stop]
        return WeightMap(
            self.width, self.height, self.log2_unit, self.planes[start:stop], tiles, self.meta, profiles
        )

    def save(self, path: Path | str) -> None:
        """Write the map as an `IDSEW001` file (layout: docs/weight-map.md).

        Raises:
            IdseError: The file cannot be written.
        """
        header = _HEADER.pack(
            MAGIC, self.width, self.height, self.frames, self.log2_unit, self.planes.shape[1]
        )
        try:
            with open(path, "wb") as file:
                file.write(header)
                file.write(self.planes.astype("<f4", copy=False).tobytes())
                if self.tiles is not None:
                    dims = _TILES_HEADER.pack(*self.tiles.shape[1:])
                    _write_section(file, b"TILE", dims + self.tiles.astype("<f4", copy=False).tobytes())
                if self.profiles is not None:
                    count = _PROFILES_HEADER.pack(self.profiles.shape[1])
                    _write_section(file, b"FREQ", count + self.profiles.astype("<f4", copy=False).tobytes())
                if self.meta:
                    _write_section(file, b"META", json.dumps(self.meta, sort_keys=True).encode())
        except OSError as error:
            raise IdseError(f"cannot write the weight map {path}: {error.strerror or error}") from None

    @classmethod
    def load(cls, path: Path | str) -> WeightMap:
        """Read an `IDSEW001` file. Sections with unknown tags are skipped.

        Raises:
            IdseError: The file cannot be read, is not a weight map, is truncated, or holds values that are not weights.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise IdseError(f"cannot read the weight map {path}: {error.strerror or error}") from None
        try:
            return cls._parse(data)
        except IdseError as error:
            raise IdseError(f"{path}: {error}") from None

    @classmethod
    def _parse(cls, data: bytes) -> WeightMap:
        if data[: len(MAGIC)] != MAGIC:
            raise IdseError(f"no weight map (it does not begin with {MAGIC.decode()})")
        if len(data) < _HEADER.size:
            raise IdseError("the weight map is truncated inside its header")
        _, width, height, frames, log2_unit, count = _HEADER.unpack_from(data)
        if not (1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE and log2_unit <= 7):
            raise IdseError(f"weight map of {width}x{height}, unit 2^{log2_unit}: not possible")
        if frames < 1 or count not in (1, 3):
            raise IdseError(
                f"weight map of {frames} frame(s) and {count} plane(s): must be 1 or more, and 1 or 3"
            )
        rows, cols = -(-height >> log2_unit), -(-width >> log2_unit)
        size = 4 * frames * count * rows * cols
        if len(data) < _HEADER.size + size:
            raise IdseError(f"the weight map is truncated: {len(data)} bytes of {_HEADER.size + size}")
        planes = _floats(data, _HEADER.size, (frames, count, rows, cols))
        sections = cls._parse_sections(data, _HEADER.size + size, frames)
        return cls(width, height, log2_unit, planes, *sections)

    @staticmethod
    def _parse_sections(
        data: bytes, at: int, frames: int
    ) -> tuple[NDArray[np.float32] | None, dict[str, Any], NDArray[np.float32] | None]:
        tiles: NDArray[np.float32] | None = None
        meta: dict[str, Any] = {}
        profiles: NDArray[np.float32] | None = None
        while at < len(data):
            if len(data) - at < _SECTION.size:
                raise IdseError("the weight map is truncated inside a section's header")
            tag, size = _SECTION.unpack_from(data, at)
            at += _SECTION.size
            if size > len(data) - at:
                raise IdseError(f"the weight map is truncated inside its section {tag!r}")
            if tag == b"TILE":
                dims = _TILES_HEADER.unpack_from(data, at) if size >= _TILES_HEADER.size else (0, 0, 0, 0)
                shape = (frames, *dims)
                if 0 in dims or size != _TILES_HEADER.size + 4 * int(np.prod(shape, dtype=object)):
                    raise IdseError("the tiles' section contradicts its own size")
                tiles = _floats(data, at + _TILES_HEADER.size, shape)
            elif tag == b"FREQ":
                count = _PROFILES_HEADER.unpack_from(data, at)[0] if size >= _PROFILES_HEADER.size else 0
                shape = (frames, count, TILE, TILE)
                if count == 0 or size != _PROFILES_HEADER.size + 4 * int(np.prod(shape, dtype=object)):
                    raise IdseError("the section of frequency profiles contradicts its own size")
                profiles = _floats(data, at + _PROFILES_HEADER.size, shape)
            elif tag == b"META":
                meta = _parse_meta(data[at : at + size])
            at += size
        return tiles, meta, profiles


def _floats(data: bytes, offset: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    count = int(np.prod(shape, dtype=object))
    return np.frombuffer(data, "<f4", count, offset).astype(np.float32).reshape(shape)


def _parse_meta(payload: bytes) -> dict[str, Any]:
    try:
        if len(payload) > _MAX_META:
            raise ValueError
        meta = parse_json(payload)
        if not isinstance(meta, dict):
            raise ValueError
    except ValueError:
        raise IdseError("the weight map's provenance is not a JSON object") from None
    return meta


def _write_section(file: BinaryIO, tag: bytes, payload: bytes) -> None:
    file.write(_SECTION.pack(tag, len(payload)))
    file.write(payload)


def _check_values(planes: NDArray[np.float32], what: str) -> None:
    if not np.isfinite(planes).all():
        raise IdseError(f"the {what} holds values that are not finite; make the map again")
    if planes.min() < 0:
        raise IdseError(f"the {what} holds negative values; make the map again")
