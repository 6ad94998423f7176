"""Scaling the latents changes nothing but how coarsely they are rounded."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

import torch

from idse.learned.models import ModelSettings, build_codec

SMALL = {"scale-hyperprior": (16, 24), "icm": (16, 6), "joint-autoregressive": (16, 24)}


@pytest.mark.parametrize("system", SMALL)
@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_only_the_latents_change(system: Any, gain: float) -> None:
    torch.manual_seed(1)
    codec = build_codec(ModelSettings(system, *SMALL[system])).eval()
    x = torch.rand(1, 3, 128, 64)

    def looks() -> tuple[torch.Tensor, ...]:
        y = codec.analyze(x)
        z = codec.hyper_analyze(y)
        prior = codec.prior(codec.hyper_synthesize(z), y)
        means = torch.zeros_like(prior.scales) if prior.means is None else prior.means
        return y, prior.scales, means, z, codec.synthesize(y)

    with torch.no_grad():
        y, scales, means, z, picture = looks()
        codec.scale_latents(gain)
        scaled = looks()
    for found, expected in zip(scaled, (y * gain, scales * gain, means * gain, z, picture), strict=True):
        torch.testing.assert_close(found, expected)
    assert y.abs().max() > 0 and z.abs().max() > 0
