"""Gradients of several batches make one step; half precision trains too."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

import torch
from torch import Tensor, nn

from idse.cli.main import main
from idse.errors import IdseError
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


class Objective(nn.Module):
    """A loss that is `value`, with gradients of `slope`."""

    def __init__(self, parameter: Tensor, value: float, slope: float) -> None:
        super().__init__()
        self.parameter, self.value, self.slope = parameter, value, slope

    def forward(self, *_: object) -> dict[str, Tensor]:
        moved = (self.parameter - self.parameter.detach()).sum()
        moved.register_hook(lambda gradient: gradient * self.slope)
        value = torch.tensor(self.value)
        return {"loss": moved + value, "rate": value, "mse": value, "task": value}


def training_of(tiny: Path, folder: Path, value: float, slope: float, *, scaled: bool) -> Training:
    """A training whose loss is made up; `scaled` as with mixed precision on CUDA."""
    config = parse_config(tiny.read_text(), tiny.parent)
    training = Training(config, RunFolder(folder / "run"), World(0, 1, torch.device("cpu")))
    parameter = next(p for p in training.networks.codec.parameters() if p.requires_grad)
    training.objective = Objective(parameter, value, slope)  # type: ignore[assignment]
    training._scaler = torch.amp.GradScaler("cpu", enabled=scaled)
    return training


def step(training: Training, number: int) -> None:
    weights = training.config.schedule.weights(0)
    training._step(3, number, weights, iter([training.data.batch(0, 0)]))


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_training(
    tiny: Path, tmp_path: Path, value: float, scaled: bool
) -> None:
    training = training_of(tiny, tmp_path, value, 1.0, scaled=scaled)
    with pytest.raises(IdseError, match=r"^tiny: the loss is no longer finite at epoch 3, step 7: lower"):
        step(training, 7)


def test_a_few_steps_are_left_out_while_the_scale_falls(tiny: Path, tmp_path: Path) -> None:
    """Gradients that overflow when they are scaled by 2^100, and no longer by 2^97."""
    training = training_of(tiny, tmp_path, 1.0, 2.0**30, scaled=True)
    training._scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100)
    before = training.objective.parameter.detach().clone()
    for number in range(3):
        step(training, number)
    assert torch.equal(training.objective.parameter, before)
    for number in range(5):
        step(training, number)
    assert training._scaler.get_scale() == 2.0**97
    assert not torch.equal(training.objective.parameter, before)


def test_gradients_that_are_never_finite_end_the_training(tiny: Path, tmp_path: Path) -> None:
    training = training_of(tiny, tmp_path, 1.0, float("inf"), scaled=True)
    with pytest.raises(IdseError, match="the gradients are no longer finite at epoch 3, step 30"):
        for number in range(100):
            step(training, number)
