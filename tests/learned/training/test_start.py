"""What a training begins with: wavelets, another codec's weights, phases that take points or scale latents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

import torch

from idse.cli.main import main
from idse.errors import IdseError
from idse.learned.coding.codec_file import TrainedCodec, make_point
from idse.learned.models import MaskSettings, ModelSettings, build_codec
from idse.learned.training.config import parse_config
from idse.learned.training.loop import load_initial
from idse.learned.training.schedule import Phase, PhaseSchedule
from idse.learned.training.wavelet_start import wavelet_start

SIZES = {"scale-hyperprior": (48, 72), "icm": (32, 6), "joint-autoregressive": (48, 72)}


@pytest.mark.parametrize("system", SIZES)
def test_wavelets_already_show_the_picture(system: Any, photograph: np.ndarray) -> None:
    x = torch.from_numpy(photograph[:256, :384].copy()).permute(2, 0, 1)[None].float() / 255

    def psnr(codec: Any) -> float:
        with torch.no_grad():
            return float(-10 * torch.log10((codec.synthesize(codec.analyze(x)) - x).square().mean()))

    torch.manual_seed(0)
    codec = build_codec(ModelSettings(system, *SIZES[system]))
    fresh = psnr(codec)
    wavelet_start(codec, 40.0)
    blocks = torch.nn.functional.avg_pool2d(x, 8).repeat_interleave(8, -1).repeat_interleave(8, -2)
    mosaic = float(-10 * torch.log10((blocks - x).square().mean()))
    assert psnr(codec) > max(fresh + 8, mosaic - 2)
    with torch.no_grad():  # in units of the rounding
        y = codec.analyze(x)
    assert 4 < float((y - y.mean((0, 2, 3), keepdim=True)).abs().amax()) < 80


def test_phases_begin_once() -> None:
    schedule = PhaseSchedule(
        (Phase(2, 0.1, init_point=1), Phase(1, 0.1), Phase(3, 0.1, init_point=0, gain=0.5))
    )
    assert [schedule.init_point(e) for e in range(8)] == [1, None, None, 0, None, None, None, None]
    assert [schedule.gain(e) for e in range(8)] == [1, 1, 1, 0.5, 1, 1, 1, 1]


def _codec(path: Path, shift: float) -> TrainedCodec:
    torch.manual_seed(0)
    model = build_codec(ModelSettings("scale-hyperprior", 8, 12))
    points = []
    for i in range(2):
        with torch.no_grad():
            model.g_a[0].bias += shift
        points.append(make_point(model, f"epoch {i}", i, {"bpp": 1.0 - i}))
    codec = TrainedCodec("two points", model.settings, points)
    codec.save(path)
    return codec


def test_a_phase_takes_its_point_and_keeps_the_mask(tmp_path: Path) -> None:
    saved = _codec(tmp_path / "two.idsec", 0.25)
    mask = MaskSettings("none.onnx")
    torch.manual_seed(1)
    model = build_codec(ModelSettings("scale-hyperprior", 8, 12, mask=mask), feature_channels=4)
    layer = model.mask.layer.weight.clone()
    for point in (1, 0):
        load_initial(model, tmp_path / "two.idsec", point)
        for name, value in saved.points[point].state.items():
            assert torch.equal(model.state_dict()[name], value), name
        assert torch.equal(model.mask.layer.weight, layer)
    with pytest.raises(IdseError, match=r"has points 0\.\.1, not 2"):
        load_initial(model, tmp_path / "two.idsec", 2)
    other = build_codec(ModelSettings("scale-hyperprior", 8, 16))
    with pytest.raises(IdseError, match="its weights do not fit the network"):
        load_initial(other, tmp_path / "two.idsec", 0)


def test_training_follows_the_points(tiny: Path, tmp_path: Path) -> None:
    """With a learning rate next to nothing, checkpoints are the points that their phases name, scaled as they say."""
    saved = _codec(tmp_path / "two.idsec", 0.25)
    text = tiny.read_text()
    text = text[: text.index("[optimizer]")].replace(
        "latent = 12", f'latent = 12\ninit = "{tmp_path}/two.idsec"'
    )
    text += "[optimizer]\nlr = 1e-12\n[schedule]\nepoch_steps = 1\n"
    for words in ("init_point = 1", "init_point = 0", "gain = 0.5"):
        text += f"[[schedule.phases]]\nepochs = 1\nrate = 1e-3\n{words}\n"
    text += '[selection]\nmetric = "psnr"\n'
    config = tiny.parent / "points.toml"
    config.write_text(text)
    assert main(["train", str(config), "-o", str(tmp_path / "run")]) == 0
    weights = [
        torch.load(tmp_path / f"run/checkpoints/epoch-000{e}.pt", weights_only=True)["state"]["codec"]
        for e in (1, 2, 3)
    ]
    for found, point, gain in zip(weights, (1, 0, 0), (1.0, 1.0, 0.5), strict=True):
        expected = saved.points[point].state
        torch.testing.assert_close(found["g_a.0.bias"], expected["g_a.0.bias"])
        torch.testing.assert_close(
            found["g_a.6.weight"], gain * expected["g_a.6.weight"], atol=1e-9, rtol=1e-5
        )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rate = 1e-3", "rate = 1e-3\ninit_point = 0", "init_point needs the file of a codec"),
        (
            "latent = 12",
            'latent = 12\ninit = "x.idsec"\nstart_gain = 9',
            "init and start_gain: give one of them",
        ),
        ("latent = 12", "latent = 12\nstart_gain = 0", "start_gain 0: must be a number, above 0"),
        ("[optimizer]", "[setup]\ndecoder_fixed = true\n[optimizer]", "parts of the codec are not trained"),
        (
            "rate = 1e-3",
            "rate = 1e-3\ngain = 0.5\n[setup]\ntrain = ['encoder']",
            "gain changes encoder and decoder",
        ),
        ("rate = 1e-3", "rate = 1e-3\ngain = 0", "gain 0: must be above 0"),
        ("crop = 64", "crop = 64\nflip = 1", "flip 1: must be true or false"),
    ],
)
def test_mistakes(tiny: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(IdseError, match=words):
        parse_config(tiny.read_text().replace(old, new), tiny.parent)
