"""The cache of detections, around a detector that counts its work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from idse.detectors import Observation
from idse.detectors.cache import CachedDetector
from idse.errors import IdseError
from idse.metrics.detection import Detections


class Counting:
    name = "counting"
    classes = ("a", "b")
    has_masks = True

    def __init__(self, **identity: Any) -> None:
        self.identity = {"kind": "test", "weights_sha256": "0", **identity}
        self.looked = 0

    def observe(self, pictures: Sequence[np.ndarray]) -> list[Observation]:
        return [Observation([p], d) for p, d in zip(pictures, self.detect(pictures), strict=True)]

    def detect(self, pictures: Sequence[np.ndarray]) -> list[Detections]:
        self.looked += len(pictures)
        return [self._find(p) for p in pictures]

    def _find(self, picture: np.ndarray) -> Detections:
        n = round(float(picture[0, 0, 0]))
        masks = tuple({"size": [4, 5], "counts": bytes(range(40, 41 + i))} for i in range(n))
        return Detections(np.full((n, 4), 1.5, np.float32), np.full(n, 0.5, np.float32), np.arange(n), masks)


def picture(n: int) -> np.ndarray:
    return np.full((4, 5, 3), n, np.float32)


def same(a: Detections, b: Detections) -> bool:
    arrays = all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ("boxes", "scores", "labels"))
    return arrays and a.masks == b.masks


def test_what_was_found_is_not_looked_for_again(tmp_path: Path) -> None:
    first = Counting()
    found = CachedDetector(first, tmp_path).detect([picture(2), picture(0), picture(2)])
    assert first.looked == 2
    second = Counting()
    cached = CachedDetector(second, tmp_path)
    again = cached.detect([picture(2), picture(3), picture(0)])
    assert second.looked == 1
    assert same(again[0], found[0])
    assert again[0].masks == found[0].masks != ()
    assert [len(d) for d in again] == [2, 3, 0]
    assert again[0].boxes.dtype == np.float32
    assert cached.observe([picture(1)])[0].features[0].shape == (4, 5, 3)
    cached.detect([picture(1)])
    assert second.looked == 2
    assert {f.suffix for f in cached.folder.iterdir()} == {".npz"}


def test_another_identity_or_shape_is_another_entry(tmp_path: Path) -> None:
    CachedDetector(Counting(), tmp_path).detect([picture(2)])
    other = Counting(score_threshold=0.5)
    CachedDetector(other, tmp_path).detect([picture(2)])
    assert other.looked == 1
    same_identity = Counting()
    turned = picture(2).transpose(1, 0, 2)  # the same samples
    CachedDetector(same_identity, tmp_path).detect([turned])
    assert same_identity.looked == 1


def test_damaged_entries_are_made_anew(tmp_path: Path) -> None:
    cached = CachedDetector(Counting(), tmp_path)
    good = cached.detect([picture(3)])[0]
    (file,) = cached.folder.iterdir()
    data = file.read_bytes()
    middle = len(data) // 3
    flipped = data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]
    for damaged in (b"", data[:-30], b"nonsense" * 20, flipped):
        file.write_bytes(damaged)
        counting = Counting()
        assert same(CachedDetector(counting, tmp_path).detect([picture(3)])[0], good)
        assert counting.looked == 1
        assert file.read_bytes() == data


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IdseError, match="cannot make the cache of detections"):
        CachedDetector(Counting(), tmp_path / "file")
