"""Makes `made_up_vtm` importable from the tests beside it, and gives its tree and its list."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from made_up_vtm import Data, make_tree

from idse.vtm.insertions import PatchList


@pytest.fixture
def data(tmp_path) -> Data:
    return Data(tmp_path / "data")


@pytest.fixture
def the_list(data) -> PatchList:
    return data.load()


@pytest.fixture
def root(tmp_path) -> Path:
    return make_tree(tmp_path / "VTM")


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """Some tests write hundreds of files, on a machine whose disk may be busy."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
