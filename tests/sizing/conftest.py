"""What the tests of sizes share; the toy detectors here and in other rooms are importable."""

import sys
from pathlib import Path

import numpy as np
import pytest

from idse.media.frame import Frame

ROOMS = ("sizing", "importance", "detectors", "features")
sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ROOMS]


@pytest.fixture(scope="module")
def striped() -> Frame:
    """A ramp with coarse waves under strong random noise in every sample, 8-bit 4:2:0, 192x128."""
    y, x = np.mgrid[0:128, 0:192]
    noise = np.random.default_rng(3).integers(-60, 61, (128, 192))
    luma = np.clip(128 + 40 * np.sin(x / 20) * np.cos(y / 15) + noise, 0, 255).astype(np.uint8)
    grey = np.full((64, 96), 128, np.uint8)
    return Frame((luma, grey, grey))
