"""A folder of small pictures, a plan for it, and what a store holds of it."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("detectors", "features")]  # toy models

PLAN = """
name = "small"
qp = [32, 40, 47]
[dataset]
kind = "folder"
images = "pictures"
[[codecs]]
name = "native"
preset = 0
[[codecs]]
name = "activity"
engine = "native"
preset = 0
importance = "activity"
"""


@pytest.fixture
def folder(tmp_path: Path, photograph: np.ndarray) -> Path:
    """A folder with plan.toml and pictures/ of three, 80x64."""
    (tmp_path / "pictures").mkdir()
    for i in range(3):
        part = photograph[40 + 60 * i : 104 + 60 * i, 100:180]
        Image.fromarray(np.ascontiguousarray(part)).save(tmp_path / "pictures" / f"{i}.png")
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path


_NOT_THE_SAME_TWICE = ("encode_cpu", "decode_cpu", "map_cpu")


@pytest.fixture
def rows() -> Callable[[Path], dict[tuple[Any, ...], Any]]:
    """Reads a store's cells: figures but for times, and the stream, by codec, item, scale, QP."""

    def read(store: Path) -> dict[tuple[Any, ...], Any]:
        with sqlite3.connect(store) as database:
            found = database.execute(
                "SELECT codec, item, scale, qp, figures, stream FROM cells JOIN results USING (key)"
            ).fetchall()
            seen = database.execute(
                "SELECT key, detector, truth, feature_sse, detections, pseudo, boxes, masks FROM observations"
            ).fetchall()
        kept = {
            row[:4]: ({k: v for k, v in json.loads(row[4]).items() if k not in _NOT_THE_SAME_TWICE}, row[5])
            for row in found
        }
        return kept | {row[:3]: row[3:] for row in seen}

    return read


@pytest.fixture
def times() -> Callable[[Path], dict[str, float]]:
    """Reads when each result was made."""

    def read(store: Path) -> dict[str, float]:
        with sqlite3.connect(store) as database:
            return {
                key: json.loads(p)["time"]
                for key, p in database.execute("SELECT key, provenance FROM results")
            }

    return read
