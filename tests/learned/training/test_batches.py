"""Gradients of several batches make one step; half precision trains too."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

import torch

from idse.cli.main import main
from idse.learned.training.checkpoint import RunFolder
from idse.learned.training.config import parse_config
from idse.learned.training.distributed import World
from idse.learned.training.loop import Training, _seed


def test_accumulated_gradients_are_the_batches_mean(tiny: Path, tmp_path: Path) -> None:
    text = tiny.read_text().replace("lr = 1e-3", "lr = 1e-3\naccumulate = 3\nclip = 0.0")
    config = parse_config(text, tiny.parent)
    training = Training(config, RunFolder(tmp_path / "run"), World(0, 1, torch.device("cpu")))
    weights = config.schedule.weights(0)
    trained = [p for p in training.networks.codec.parameters() if p.requires_grad]
    expected = [torch.zeros_like(p) for p in trained]
    for place in range(3):
        _seed(config.seed, 0, place, 0)
        loss = training.objective(training.data.batch(0, place).pictures, None, weights, None)["loss"]
        for total, gradient in zip(expected, torch.autograd.grad(loss, trained), strict=True):
            total += gradient / 3
    before = [p.detach().clone() for p in trained]
    training._step(0, 0, weights, iter([training.data.batch(0, place) for place in range(3)]))
    for parameter, gradient in zip(trained, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    assert any(not torch.equal(a, b) for a, b in zip(before, trained, strict=True))


def test_mixed_precision(tiny: Path, finished: Path, tmp_path: Path) -> None:
    config = tiny.parent / "half.toml"
    config.write_text(tiny.read_text().replace("lr = 1e-3", "lr = 1e-3\namp = true"))
    assert main(["train", str(config), "-o", str(tmp_path / "half")]) == 0
    half, full = RunFolder(tmp_path / "half").read_log(), RunFolder(finished).read_log()
    assert len(half) == len(full)
    assert half[-1]["train"] != full[-1]["train"]
    for name in ("rate", "mse"):
        assert half[-1]["train"][name] == pytest.approx(full[-1]["train"][name], rel=0.3)
    assert half[-1]["train"]["mse"] < half[0]["train"]["mse"]
