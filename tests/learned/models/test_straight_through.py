"""Straight-through rounding: the decoder sees what it will see, and gradients pass."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

import torch

from idse.learned.models import ModelSettings, build_codec

SMALL = {"scale-hyperprior": (16, 24), "icm": (16, 6), "joint-autoregressive": (16, 24)}


@pytest.mark.parametrize("system", SMALL)
def test_the_decoder_gets_rounded_latents(system: Any) -> None:
    torch.manual_seed(0)
    codec = build_codec(ModelSettings(system, *SMALL[system])).train()
    codec.scale_latents(20.0)
    x = torch.rand(1, 3, 64, 64)
    seen: list[torch.Tensor] = []
    decode = codec.synthesize

    def watched(y_hat: torch.Tensor) -> torch.Tensor:
        seen.append(y_hat)
        return decode(y_hat)

    codec.synthesize = watched  # type: ignore[method-assign]
    codec.straight_through = True
    coded = codec(x)
    y = codec.analyze(x)
    assert (seen[0] - y).abs().max() <= 0.5 + 1e-4
    if system == "scale-hyperprior":  # its means are 0
        torch.testing.assert_close(seen[0], seen[0].round(), atol=1e-5, rtol=0)
    coded.x_hat.square().sum().backward()
    straight = codec.g_a[0].weight.grad.clone()
    assert straight.abs().max() > 0

    torch.manual_seed(3)
    first = codec(x).likelihoods["y"]
    assert not torch.equal(first, codec(x).likelihoods["y"])  # the rate is still that of noisy latents
    codec.straight_through = False
    codec(x)
    assert not torch.equal(seen[-1], seen[-1].round())
    assert (seen[-1] - y).abs().max() <= 0.5 + 1e-4
