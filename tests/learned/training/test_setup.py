"""Every set-up trains what it says: gradients reach exactly these weights, and a step moves exactly these."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

import torch
from PIL import Image
from torch import Tensor, nn

from idse.errors import IdseError
from idse.learned.models import MaskSettings, ModelSettings, build_codec
from idse.learned.training.checkpoint import RunFolder, save_checkpoint
from idse.learned.training.config import parse_config
from idse.learned.training.distributed import World
from idse.learned.training.loop import Training, build_networks
from idse.learned.training.objective import Objective
from idse.learned.training.schedule import LossWeights
from idse.learned.training.setup import Setup

# Weights by name, as the networks call them: what turns a picture into latents, latents into a picture, what both need
# to agree on probabilities, the detector, and the mask's layer.
PARTS = {
    "encoder": r"codec\.(g_a|h_a)\.",
    "decoder": r"codec\.g_s\.",
    "entropy": r"codec\.(h_s|entropy_bottleneck|entropy_parameters|context_prediction)\.",
    "gain": r"codec\.latent_gain\.",
    "task": r"task\.",
    "mask": r"codec\.mask\.",
}
# name, decoder fixed -> parts that are trained
WANTED = [
    ("baseline", False, ["encoder", "decoder", "entropy"]),
    ("baseline", True, ["encoder"]),
    ("T-FT", False, ["task"]),
    ("C-FT", False, ["encoder", "decoder", "entropy"]),
    ("C-FT", True, ["encoder"]),
    ("C-FT with gains", False, ["encoder", "decoder", "entropy", "gain"]),
    ("C-FT with gains", True, ["encoder"]),
    ("J-FT", False, ["encoder", "decoder", "entropy", "task"]),
    ("J-FT", True, ["encoder", "task"]),
    ("mask", False, ["mask"]),
    ("mask+codec", False, ["encoder", "decoder", "entropy", "mask"]),
    ("mask+codec", True, ["encoder", "mask"]),
]
IDS = [f"{name}{' decoder fixed' if fixed else ''}" for name, fixed, _ in WANTED]


def set_up(name: str, fixed: bool) -> Setup:
    """By a name of `WANTED`."""
    return Setup.of(name.removesuffix(" with gains"), fixed, gains=name.endswith(" with gains"))


def wanted_names(module: nn.Module, parts: list[str]) -> set[str]:
    """Names of the weights of some parts; the quantiles belong to nobody: they are found, not trained."""
    names = {name for name, _ in module.named_parameters() if not name.endswith("quantiles")}
    assert all(sum(bool(re.match(p, name)) for p in PARTS.values()) == 1 for name in names)
    return {name for name in names if any(re.match(PARTS[part], name) for part in parts)}


class Toy(nn.Module):
    """A task in little: how much features of the decoded picture differ from those before coding."""

    def __init__(self) -> None:
        super().__init__()
        self.student = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 2, 3))
        self.teacher = [nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 2, 3))]  # no submodule

    def trainable(self, on: bool) -> None:
        self.requires_grad_(on)

    def forward(self, decoded: Tensor, original: Tensor, targets: Any) -> Tensor:
        return (self.student(decoded) - self.teacher[0](original).detach()).square().mean()


def salience(pictures: Tensor, latent_stride: int, stride: int) -> Tensor:
    """Features for the mask: mean colours of the latents' cells."""
    return nn.functional.avg_pool2d(pictures, latent_stride)


@pytest.mark.parametrize("system", ["icm", "scale-hyperprior", "joint-autoregressive"])
@pytest.mark.parametrize(("name", "fixed", "parts"), WANTED, ids=IDS)
def test_gradients_reach_what_the_set_up_says(system: Any, name: str, fixed: bool, parts: list[str]) -> None:
    torch.manual_seed(0)
    mask = MaskSettings("toy") if "mask" in name else None
    codec = build_codec(ModelSettings(system, channels=8, latent=12, mask=mask), feature_channels=3)
    task: Any = Toy()
    set_up(name, fixed).apply(codec, task)
    objective = Objective(codec, task, salience if mask else None)  # type: ignore[arg-type]
    losses = objective(torch.rand(2, 3, 128, 64), None, LossWeights(rate=1.0, mse=1.0, task=1.0), None)
    losses["loss"].backward()
    reached = {n for n, p in objective.named_parameters() if p.grad is not None and bool(p.grad.any())}
    assert reached == wanted_names(objective, parts)
    assert {n for n, p in objective.named_parameters() if p.requires_grad} == reached
    # The optimizer is given these, each once.
    given = [id(p) for _, found in set_up(name, fixed).parameters(codec, task) for p in found]
    assert sorted(given) == sorted(id(p) for n, p in objective.named_parameters() if n in reached)


def test_noise_only_where_the_codec_is_trained() -> None:
    codec = build_codec(ModelSettings("icm", channels=8, latent=6))
    task: Any = Toy()
    for name, noisy in (("T-FT", False), ("C-FT", True), ("J-FT", True)):
        Setup.of(name).apply(codec, task)
        assert codec.training is noisy, name
        assert codec.entropy_bottleneck.training is noisy, name


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "X-FT"}, "set-up 'X-FT': must be one of"),
        ({"name": "C-FT", "train": ["encoder", "head"]}, "part 'head': must be one of"),
        ({"name": "C-FT", "train": ["entropy"], "decoder_fixed": True}, "no part is left to train"),
    ],
)
def test_set_ups_are_checked(values: dict[str, Any], words: str) -> None:
    with pytest.raises(IdseError, match=words):
        Setup.of(**values)


def test_parts_that_are_not_there() -> None:
    codec = build_codec(ModelSettings("icm", channels=8, latent=6))
    with pytest.raises(IdseError, match=r"add a \[task\]"):
        Setup.of("J-FT").apply(codec, None)
    with pytest.raises(IdseError, match=r"add a \[codec.mask\]"):
        Setup.of("mask").apply(codec, None)


CONFIG = """
[data]
kind = "folder"
images = "pictures"
crop = 64
batch = 2
validation = 1
[codec]
system = "icm"
channels = 8
latent = 6
init = "{start}"
{mask}
[task]
model = "detector.onnx"
[setup]
name = "{name}"
gains = {gains}
decoder_fixed = {fixed}
[optimizer]
lr = 1e-3
clip = 0.0
[schedule]
[[schedule.phases]]
epochs = 1
rate = 1.0
task = 1.0
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, a detector, and a codec to begin with."""
    toys = pytest.importorskip("toys", reason="ONNX is not installed")
    pytest.importorskip("onnx2torch", reason="onnx2torch is not installed")
    folder = tmp_path_factory.mktemp("bench")
    (folder / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        tiles = rng.integers(0, 256, (10, 12, 3)).repeat(8, 0).repeat(8, 1)
        Image.fromarray(tiles.astype(np.uint8)).save(folder / "pictures" / f"{i}.png")
    toys.yolox(folder / "detector.onnx")
    torch.manual_seed(0)
    codec = build_codec(ModelSettings("icm", channels=8, latent=6))
    save_checkpoint(folder / "start.pt", {"codec": codec.state_dict()})
    return folder


@pytest.mark.parametrize(("name", "fixed", "parts"), WANTED, ids=IDS)
def test_a_step_moves_what_the_set_up_says(
    bench: Path, tmp_path: Path, name: str, fixed: bool, parts: list[str]
) -> None:
    mask = '[codec.mask]\ndetector = "detector.onnx"' if "mask" in name else ""
    short, gains = name.removesuffix(" with gains"), str(name.endswith(" with gains")).lower()
    text = CONFIG.format(name=short, gains=gains, fixed=str(fixed).lower(), mask=mask, start="start.pt")
    config = parse_config(text, bench)
    training = Training(config, RunFolder(tmp_path / "run"), World(0, 1, torch.device("cpu")))
    before = state(training.objective)
    training._step(0, 0, config.schedule.weights(0), iter([training.data.batch(0, 0)]))
    after = state(training.objective)
    moved = {n for n in before if not torch.equal(before[n], after[n])}
    assert {n for n in moved if "running" not in n} == wanted_names(training.objective, parts)
    assert not any("running" in n for n in moved)  # batch normalisation keeps its statistics
    if mask:  # and what the mask sees through stays as the file has it
        x = torch.rand(1, 3, 64, 96)
        fresh = build_networks(config, torch.device("cpu")).salience
        assert fresh is not None
        assert training.networks.salience is not None
        assert torch.equal(fresh(x, 8, 32), training.networks.salience(x, 8, 32))


def test_the_task_models_rate_follows_the_phases(bench: Path, tmp_path: Path) -> None:
    text = CONFIG.format(name="J-FT", gains="true", fixed="false", mask="", start="start.pt")
    config = parse_config(text.replace("lr = 1e-3", "lr = 1e-3\ntask_lr = 2e-4"), bench)
    training = Training(config, RunFolder(tmp_path / "run"), World(0, 1, torch.device("cpu")))
    for lr, expected in ((None, (1e-3, 2e-4)), (1e-5, (1e-5, 2e-6))):
        training._set_rates(LossWeights(0, 0, 1, lr))
        found = {group["part"]: group["lr"] for group in training.optimizer.param_groups}
        assert found == {
            part: pytest.approx(expected[part == "task"])
            for part in ("encoder", "decoder", "entropy", "gain", "task")
        }


def state(module: nn.Module) -> dict[str, Tensor]:
    return {
        name: value.detach().clone() for name, value in [*module.named_parameters(), *module.named_buffers()]
    }


def test_a_fixed_decoder_plays_what_the_tuned_encoder_makes(bench: Path, tmp_path: Path) -> None:
    """With `decoder_fixed` whatever a decoder needs is the same before and after, tables included."""
    config = parse_config(
        CONFIG.format(name="J-FT", gains="true", fixed="true", mask="", start="fixed.pt"), bench
    )
    torch.manual_seed(1)
    old = build_codec(config.model).eval()
    old.tables()
    save_checkpoint(bench / "fixed.pt", {"codec": old.state_dict()})
    training = Training(config, RunFolder(tmp_path / "run"), World(0, 1, torch.device("cpu")))
    for step in range(3):
        training._step(0, step, config.schedule.weights(0), iter([training.data.batch(0, step)]))
    new = training.networks.codec.eval()
    new.tables()
    assert not torch.equal(new.state_dict()["g_a.0.weight"], old.state_dict()["g_a.0.weight"])
    for name, value in old.decoder_state().items():
        assert torch.equal(new.decoder_state()[name], value), name
    x = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        made = new.compress(x)
        assert torch.equal(old.decompress(made.strings, (64, 96)), made.y_hat)
