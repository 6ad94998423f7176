"""The three systems: sizes, streams that hold what they should, and rates that are what the priors say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("compressai", reason="compressai is not installed")

import torch
from torch import Tensor, nn

from idse.errors import IdseError
from idse.learned.models import ModelSettings, build_codec, pad

SYSTEMS = ("icm", "joint-autoregressive", "scale-hyperprior")
Trained = Callable[[str], Any]


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_le_has_about_a_million_and_a_half_parameters() -> None:
    codec = build_codec(ModelSettings("icm", channels=72, latent=6))
    assert 1.4e6 < count(codec) < 1.6e6


def test_published_sizes_of_the_hyperpriors() -> None:
    # Of CompressAI's own networks; the quantiles are no weights but are counted there too. Gains are ours.
    assert count(build_codec(ModelSettings("scale-hyperprior", 128, 192))) == 5_075_843 + 192
    assert count(build_codec(ModelSettings("joint-autoregressive", 192, 192))) == 14_130_467 + 192


@pytest.mark.parametrize(
    ("system", "stride"), [("icm", 8), ("scale-hyperprior", 16), ("joint-autoregressive", 16)]
)
def test_latents_have_their_published_shape(trained: Trained, system: str, stride: int) -> None:
    codec = trained(system)
    assert codec.latent_stride == stride
    assert codec.stride % stride == 0
    with torch.no_grad():
        y = codec.analyze(torch.zeros(1, 3, 2 * codec.stride, 3 * codec.stride))
        assert y.shape == (1, codec.settings.latent, 2 * codec.stride // stride, 3 * codec.stride // stride)
        coded = codec(torch.rand(2, 3, codec.stride, 2 * codec.stride))
    assert coded.x_hat.shape == (2, 3, codec.stride, 2 * codec.stride)
    assert coded.bits().shape == (2,)
    assert (coded.bits() > 0).all()


def test_pad_repeats_the_last_row_and_column() -> None:
    x = torch.rand(1, 3, 5, 66)
    padded = pad(x, 32)
    assert padded.shape == (1, 3, 32, 96)
    assert torch.equal(padded[..., :5, :66], x)
    assert torch.equal(padded[..., 5:, :66], x[..., -1:, :].expand(1, 3, 27, 66))
    assert torch.equal(padded[..., :5, 66:], x[..., -1:].expand(1, 3, 5, 30))
    assert pad(padded, 32).shape == padded.shape


@pytest.mark.parametrize("system", SYSTEMS)
@torch.no_grad()
def test_decoded_latents_are_the_encoders(trained: Trained, picture: Tensor, system: str) -> None:
    codec = trained(system)
    for x in (picture, picture[..., :64, :], picture[..., :, 64:128], 1 - picture[..., 64:192, 64:192]):
        made = codec.compress(x)
        assert torch.equal(codec.decompress(made.strings, tuple(x.shape[-2:])), made.y_hat)
        assert len(made.y_hat.unique()) > 5  # something was coded


@pytest.mark.parametrize("system", SYSTEMS)
@torch.no_grad()
def test_the_stream_holds_what_training_counts_on(trained: Trained, picture: Tensor, system: str) -> None:
    """Rounded, the pass without a stream gives the stream's picture (the context model's pass: nearly)."""
    codec = trained(system)
    made, coded = codec.compress(picture), codec(picture)
    close = 2e-2 if system == "joint-autoregressive" else 1e-3
    assert float(coded.bits()) == pytest.approx(made.estimated_bits, rel=close)
    error = torch.mean((codec.synthesize(made.y_hat) - picture) ** 2)
    assert float(torch.mean((coded.x_hat - picture) ** 2)) == pytest.approx(float(error), rel=close)


@torch.no_grad()
def test_estimated_and_real_rate(trained: Trained, picture: Tensor) -> None:
    off = {}
    for system in SYSTEMS:
        made = trained(system).compress(picture)
        real = 8 * sum(len(s) for s in made.strings)
        off[system] = abs(made.estimated_bits / real - 1)
    assert sum(off.values()) / len(off) < 0.02, off
    assert max(off.values()) < 0.035, off


@torch.no_grad()
def test_places_coded_together_have_the_priors_of_raster_order(trained: Trained, picture: Tensor) -> None:
    """What the context model sees along a wavefront is what a convolution over the whole sees."""
    codec = trained("joint-autoregressive")
    made = codec.compress(picture)
    hyper = codec.hyper_synthesize(codec.entropy_bottleneck.decompress([made.strings[1]], [4, 6]))
    whole = codec.prior(hyper, made.y_hat)
    symbols = made.y_hat - whole.means
    torch.testing.assert_close(symbols, symbols.round(), atol=1e-3, rtol=0)
    # And it does see them: without context the means are others.
    blind = codec.prior(hyper, torch.zeros_like(made.y_hat))
    assert float((blind.means - whole.means).abs().max()) > 0.01


@pytest.mark.parametrize("system", SYSTEMS)
def test_noise_while_training_rounding_otherwise(trained: Trained, picture: Tensor, system: str) -> None:
    codec = trained(system)
    crop = picture[..., :64, :64]
    with torch.no_grad():
        assert torch.equal(codec(crop).x_hat, codec(crop).x_hat)
        codec.train()
        try:
            assert not torch.equal(codec(crop).x_hat, codec(crop).x_hat)
        finally:
            codec.eval()


@pytest.mark.parametrize("system", SYSTEMS)
@torch.no_grad()
def test_likelihoods_keep_32_bits_under_autocast(trained: Trained, picture: Tensor, system: str) -> None:
    codec = trained(system)
    seen: list[torch.dtype] = []
    hooks = [
        module.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
        for module in (codec.g_a, codec.h_a, codec.h_s, codec.g_s)
    ]
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            coded = codec(picture)
    finally:
        for hook in hooks:
            hook.remove()
    assert seen == [torch.bfloat16, torch.float32, torch.float32, torch.bfloat16]
    assert {v.dtype for v in coded.likelihoods.values()} == {torch.float32}
    assert all(
        (v != v.bfloat16()).any() for v in coded.likelihoods.values()
    )  # nor were they of 16 bits before
    assert float(coded.bits()) == pytest.approx(float(codec(picture).bits()), rel=0.05)


@pytest.mark.parametrize("system", SYSTEMS)
@torch.no_grad()
def test_decoder_state_is_all_that_a_decoder_needs(trained: Trained, picture: Tensor, system: str) -> None:
    codec = trained(system)
    other = build_codec(codec.settings).eval()
    state = codec.decoder_state()
    assert not any(name.startswith(("g_a", "h_a")) for name in state)
    missing = other.load_state_dict(state, strict=False)
    assert all(name.startswith(("g_a", "h_a")) for name in missing.missing_keys)
    made = codec.compress(picture)
    y_hat = other.decompress(made.strings, (picture.shape[-2], picture.shape[-1]))
    assert torch.equal(y_hat, made.y_hat)
    assert torch.equal(other.synthesize(y_hat), codec.synthesize(made.y_hat))


def test_refuses_what_it_cannot_code(trained: Trained, picture: Tensor) -> None:
    codec = trained("icm")
    with pytest.raises(ValueError, match="one picture, padded to 32"):
        codec.compress(picture[..., :100, :])
    with pytest.raises(ValueError, match="one picture"):
        codec.compress(picture.expand(2, -1, -1, -1))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"system": "bpg"}, "codec system 'bpg': must be one of"),
        ({"system": "icm", "channels": 0}, "codec channels 0"),
        ({"system": "icm", "latent": 6.5}, "codec latent 6.5"),
        ({"system": "icm", "width": 3}, "codec settings: .*width"),
        ({"system": "joint-autoregressive", "latent": 100}, "multiple of 6"),
        ({"system": "icm", "mask": {"detector": "x", "channels": "few"}}, "must be all or one"),
    ],
)
def test_settings_are_checked(values: dict[str, Any], words: str) -> None:
    with pytest.raises(IdseError, match=words):
        ModelSettings.from_dict(values)


def test_settings_survive_as_plain_values() -> None:
    values = {"system": "icm", "channels": 8, "latent": 6, "blocks": 2, "mask": {"detector": "d.onnx"}}
    settings = ModelSettings.from_dict(values)
    assert ModelSettings.from_dict(settings.to_dict()) == settings
