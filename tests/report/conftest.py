"""A store of made-up results and the study in it; see `benchmarks/synthetic_store.py`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from idse.study import Study

_MAKER = Path(__file__).parents[2] / "benchmarks" / "synthetic_store.py"


@pytest.fixture(scope="session")
def maker() -> ModuleType:
    """The module that makes stores."""
    spec = importlib.util.spec_from_file_location("synthetic_store", _MAKER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pictures(photograph: np.ndarray) -> list[np.ndarray]:
    """Parts of a photograph, 160x120."""
    return [
        np.ascontiguousarray(photograph[y : y + 120, x : x + 160])
        for y, x in ((0, 0), (40, 130), (150, 90), (170, 250))
    ]


@pytest.fixture(scope="session")
def store(maker: ModuleType, pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An anchor, a family along tau, one with several sizes, and one that lies where no other does."""
    decoded = {"target": "both", "metric": "scores", "passes": 2, "at": "decoded", "profile": "own"}
    codecs = [
        maker.Synthetic("plain"),
        maker.Synthetic("weighted tau=0.05", rate=1.06, machine=5.0, tau=0.05, importance=decoded),
        maker.Synthetic("weighted tau=0.5", rate=1.02, machine=3.0, tau=0.5, importance=decoded),
        maker.Synthetic("sizes", scales=(100, 50)),
        maker.Synthetic("else<where> & \"so\"", rate=0.8, offset=-26.0),
    ]  # fmt: skip
    return maker.make_store(tmp_path_factory.mktemp("store"), codecs, pictures, streams=2)


@pytest.fixture(scope="session")
def study(store: Path) -> Study:
    """The sweep in the store, with few draws."""
    return Study.load(store, draws=40)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium of the system's."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright absent: pip install playwright"
    )
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("IDSE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium here: install one, or set IDSE_CHROMIUM")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
