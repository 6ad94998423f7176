"""What tests of several rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: tests share their machine

from idse.media.frame import Frame


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of development data: IDSE_SHARED, or `shared` beside the repository."""
    folder = Path(os.environ.get("IDSE_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"development data absent: no {folder}/data (set IDSE_SHARED)")
    return folder


@pytest.fixture(scope="session")
def photograph() -> np.ndarray:
    """RGB of a real photograph, uint8 `[300, 451, 3]` (odd width): a part of scikit-image's astronaut."""
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:300, 20:471])


@pytest.fixture(scope="session")
def small_frame(photograph: np.ndarray) -> Frame:
    """A face, 8-bit 4:2:0, 128x96."""
    return Frame.from_rgb(np.ascontiguousarray(photograph[60:156, 130:258]))
