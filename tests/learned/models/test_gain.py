"""A latent channel's gain changes how finely it is rounded, and nothing else; files from before gains are read."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

import torch

from idse.learned.models import ModelSettings, build_codec

SMALL = {"scale-hyperprior": (16, 24), "icm": (16, 6), "joint-autoregressive": (16, 24)}


@pytest.mark.parametrize("system", SMALL)
def test_one_channel_is_rounded_more_finely(system: Any) -> None:
    torch.manual_seed(0)
    codec = build_codec(ModelSettings(system, *SMALL[system])).eval()
    codec.scale_latents(20.0)
    x = torch.rand(1, 3, 128, 64)
    with torch.no_grad():
        y = codec.analyze(x)
        z, picture = codec.hyper_analyze(y), codec.synthesize(y)
        prior = codec.prior(codec.hyper_synthesize(z), y)
        codec.latent_gain.log[1] = 0.02  # e^2
        gain = codec.latent_gain()
        assert gain.flatten()[1] == pytest.approx(7.389, rel=1e-3)
        assert (gain.flatten() != 1).sum() == 1
        scaled = codec.analyze(x)
        torch.testing.assert_close(scaled, y * gain)
        torch.testing.assert_close(codec.hyper_analyze(scaled), z)
        torch.testing.assert_close(codec.synthesize(scaled), picture)
        after = codec.prior(codec.hyper_synthesize(z), scaled)
        torch.testing.assert_close(after.scales, prior.scales * gain)
        if prior.means is not None and after.means is not None:
            torch.testing.assert_close(after.means, prior.means * gain)
        codec.tables()
        coded = codec.compress(x)
        assert torch.equal(codec.decompress(coded.strings, (128, 64)), coded.y_hat)
        error = ((coded.y_hat - scaled) / gain).abs().amax((0, 2, 3))
        assert error[1] <= 0.5 / 7.38 + 1e-4
        assert error.max() > 0.3


@pytest.mark.parametrize("system", SMALL)
def test_weights_from_before_gains(system: Any) -> None:
    codec = build_codec(ModelSettings(system, *SMALL[system]))
    old = {name: value for name, value in codec.state_dict().items() if not name.startswith("latent_gain")}
    other = build_codec(ModelSettings(system, *SMALL[system]))
    with torch.no_grad():
        other.latent_gain.log += 1
    other.load_state_dict(old)
    assert torch.equal(other.latent_gain(), torch.ones_like(other.latent_gain()))
