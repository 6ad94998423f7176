"""Makes `onnx_models` and the toys of `tests/detectors` importable, and finds the shared detectors."""

import os
import sys
from pathlib import Path

import pytest
import torch

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "detectors")]
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the development data: $IDSE_SHARED, else `shared` beside or in the repository."""
    root = Path(__file__).parents[2]
    for folder in (os.environ.get("IDSE_SHARED"), root.parent / "shared", root / "shared"):
        if folder and (Path(folder) / "data" / "detectors").is_dir():
            return Path(folder)
    pytest.skip("no development data (shared/); set IDSE_SHARED")
