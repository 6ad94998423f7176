"""A training that takes seconds, and one made of it that ran through."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from idse.cli.main import main

sys.path[:0] = [str(Path(__file__).parents[2] / name) for name in ("detectors", "features")]
torch.set_num_threads(1)

TINY = """
name = "tiny"
[data]
kind = "folder"
images = "pictures"
crop = 64
batch = 2
validation = 2
[codec]
system = "scale-hyperprior"
channels = 8
latent = 12
[optimizer]
lr = 1e-3
[schedule]
epoch_steps = 2
[[schedule.phases]]
epochs = 16
rate = 1e-3
[selection]
metric = "psnr"
points = 3
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny.toml`, beside its pictures of 80x72."""
    pytest.importorskip("compressai", reason="learned codecs need compressai")
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        tiles = rng.integers(0, 256, (9, 10, 3)).repeat(8, 0).repeat(8, 1)
        Image.fromarray(tiles.astype(np.uint8)).save(folder / "pictures" / f"{i}.png")
    (folder / "tiny.toml").write_text(TINY)
    return folder / "tiny.toml"


@pytest.fixture(scope="session")
def finished(tiny: Path) -> Path:
    """The folder of a run that nothing interrupted; read only."""
    run = tiny.parent / "finished"
    assert main(["train", str(tiny), "-o", str(run)]) == 0
    return run
