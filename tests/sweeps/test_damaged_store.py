"""What lies in a store and is not what idse put there is told in one line."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idse.errors import IdseError
from idse.metrics.detection import Detections
from idse.metrics.matching import Matches
from idse.sweeps.packing import pack_detections, unpack_detections
from idse.sweeps.store import Store, stored_json


def packed(head: Any, rows: bytes = b"", length: int | None = None) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return zlib.compress(struct.pack("<I", len(text) if length is None else length) + text + rows)


GOOD = pack_detections([
    Detections(
        np.ones((2, 4), np.float32),
        np.ones(2, np.float32),
        np.zeros(2, np.int64),
        masks=({"size": [3, 4], "counts": b"12"}, {"size": [3, 4], "counts": b"0c"}),
    )
])  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zlib",
        GOOD[:-3],
        GOOD + b"x",
        zlib.compress(b""),
        zlib.compress(bytes(1 << 29)),  # half a million bytes that become half a milliard
        packed(b"[" * 200_000),
        packed([]),
        packed({}),
        packed({"counts": 3}),
        packed({"counts": [-1]}, bytes(22)),
        packed({"counts": [True]}, bytes(22)),
        packed({"counts": [1 << 62]}),
        packed({"counts": [2]}, bytes(22)),
        packed({"counts": [1]}, bytes(23)),
        packed({"counts": [1]}, bytes(22), length=1 << 31),
        packed({"counts": [1], "masks": []}, bytes(22)),
        packed({"counts": [1], "masks": [[]]}, bytes(22)),
        packed({"counts": [1], "masks": [[[[3, 4], 5]]]}, bytes(22)),
        packed({"counts": [1], "masks": [[["ab", "c"]]]}, bytes(22)),
        packed({"counts": [1], "masks": [[[[3, 4], "\u00e4"]]]}, bytes(22)),
    ],
)
def test_damaged_detections(data: bytes) -> None:
    with pytest.raises(IdseError, match="damaged detections"):
        unpack_detections(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\1",
        struct.pack("<BH", 1, 3),
        struct.pack("<BH", 1, 3) + zlib.compress(bytes(1 << 29)),
        b"\1\0\0abc",
    ],
)
def test_damaged_matches(data: bytes) -> None:
    with pytest.raises(IdseError, match="not packed matches"):
        Matches.unpack(data)


@pytest.mark.parametrize("text", ["", "{", "[" * 200_000, "9" * 5000, b"\xff", None])
def test_damaged_words(text: Any) -> None:
    with pytest.raises(IdseError, match="is not JSON"):
        stored_json(text)


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with Store(path) as store:
        store.put_sweep("a", "plan", {}, [("c", {})], [("i", "p", "d" * 9000, "t")] * 50, [], [])
    data = bytearray(path.read_bytes())
    told = 0
    for page in range(4096, len(data), 4096):
        broken = bytearray(data)
        broken[page : page + 4096] = b"\xa5" * 4096
        path.write_bytes(broken)
        try:
            with Store(path) as store:
                for name in store.sweeps():
                    store.cells(store.sweep(name))
                    list(store.observations(store.sweep(name), "d"))
                (
                    store.stream("k"),
                    store.provenance("k"),
                    store.weight_map("k"),
                    store.observation("k", "d", "t"),
                )
        except IdseError as error:
            assert str(error).startswith(f"{path}: ")
            told += 1
    assert told > 3
