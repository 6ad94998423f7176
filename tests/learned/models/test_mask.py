"""LSMnet's algebra: y' = y - alpha (y - mu), from nothing masked to nothing kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("compressai", reason="compressai is not installed")

import dataclasses

import torch
from torch import Tensor

from idse.learned.models import MaskNetwork, MaskSettings, build_codec, draw_to_mean

SYSTEMS = ("icm", "joint-autoregressive", "scale-hyperprior")


@pytest.fixture(params=[True, False], ids=["hyper-sees-mask", "hyper-sees-all"])
def codecs(
    trained: Callable[[str], Any], request: pytest.FixtureRequest
) -> Iterator[Callable[[str], tuple[Any, Any]]]:
    """Gives a codec without a mask network, and the same weights with one."""

    def make(system: str) -> tuple[Any, Any]:
        plain = trained(system)
        mask = MaskSettings("nothing.onnx", sees_hyper=request.param)
        masked = build_codec(dataclasses.replace(plain.settings, mask=mask), feature_channels=4)
        masked.load_state_dict(plain.state_dict(), strict=False)
        return plain, masked.eval()

    yield make


def grid(codec: Any, picture: Tensor) -> tuple[int, int]:
    return picture.shape[-2] // codec.latent_stride, picture.shape[-1] // codec.latent_stride


@pytest.mark.parametrize("system", SYSTEMS)
@torch.no_grad()
def test_alpha_0_is_the_codec_without_a_mask(codecs: Any, picture: Tensor, system: str) -> None:
    plain, masked = codecs(system)
    wanted = plain.compress(picture)
    for channels in (1, plain.settings.latent):
        alpha = torch.zeros(1, channels, *grid(plain, picture))
        made = masked.compress(picture, alpha)
        assert made.strings == wanted.strings
        assert torch.equal(made.y_hat, wanted.y_hat)
        assert made.estimated_bits == wanted.estimated_bits
        assert torch.equal(masked(picture, alpha).x_hat, plain(picture).x_hat)


@pytest.mark.parametrize("system", SYSTEMS)
@torch.no_grad()
def test_alpha_1_leaves_the_means(codecs: Any, picture: Tensor, system: str) -> None:
    plain, masked = codecs(system)
    full = plain.compress(picture)
    made = masked.compress(picture, torch.ones(1, 1, *grid(plain, picture)))
    means = _prior(masked, made, picture).means
    torch.testing.assert_close(made.y_hat, torch.zeros_like(made.y_hat) if means is None else means)
    if not masked.settings.mask.sees_hyper and system != "joint-autoregressive":
        # The same priors as without the mask, and nothing is likelier than the mean.
        assert made.strings[1] == full.strings[1]
        assert len(made.strings[0]) < len(full.strings[0])
    # Whoever decodes knows of no mask.
    assert torch.equal(plain.decompress(made.strings, tuple(picture.shape[-2:])), made.y_hat)


@pytest.mark.parametrize("system", ["icm", "scale-hyperprior"])
@torch.no_grad()
def test_between_the_distance_to_the_mean_shrinks(codecs: Any, picture: Tensor, system: str) -> None:
    """What is coded is round((1 - alpha) (y - mu)), place by place and channel by channel."""
    _, masked = codecs(system)
    torch.manual_seed(1)
    alpha = torch.rand(1, masked.settings.latent, *grid(masked, picture))
    made = masked.compress(picture, alpha)
    prior = _prior(masked, made, picture)
    mean = torch.zeros_like(made.y_hat) if prior.means is None else prior.means
    exact = (1 - alpha) * (masked.analyze(picture) - mean)
    coded = made.y_hat - mean
    torch.testing.assert_close(coded, coded.round(), atol=1e-4, rtol=0)
    assert float((coded - exact).abs().max()) <= 0.5 + 1e-4
    assert len(exact.round().unique()) > 5


@torch.no_grad()
def test_between_with_a_context_model(codecs: Any, picture: Tensor) -> None:
    """The means are those of the places before, as they were coded: the same holds with them."""
    _, masked = codecs("joint-autoregressive")
    torch.manual_seed(1)
    alpha = torch.rand(1, 1, *grid(masked, picture))
    made = masked.compress(picture, alpha)
    mean = _prior(masked, made, picture).means
    exact = (1 - alpha) * (masked.analyze(picture) - mean)
    assert float((made.y_hat - mean - exact).abs().max()) <= 0.5 + 1e-3
    assert torch.equal(masked.decompress(made.strings, tuple(picture.shape[-2:])), made.y_hat)


@pytest.mark.parametrize("system", SYSTEMS)
@torch.no_grad()
def test_masking_a_part_keeps_the_rest(codecs: Any, picture: Tensor, system: str) -> None:
    """The picture stays where alpha is 0 (the left half, less what reaches over) and changes where it is 1."""
    plain, masked = codecs(system)
    height, width = grid(plain, picture)
    alpha = torch.zeros(1, 1, height, width)
    alpha[..., width // 2 :] = 1
    full, made = plain.compress(picture), masked.compress(picture, alpha)
    error = (masked.synthesize(made.y_hat) - picture).square().mean((0, 1, 2))
    before = (plain.synthesize(full.y_hat) - picture).square().mean((0, 1, 2))
    quarter = picture.shape[-1] // 4
    assert float(error[:quarter].mean()) < 1.2 * float(before[:quarter].mean())
    assert float(error[-quarter:].mean()) > 1.2 * float(before[-quarter:].mean())


def test_draw_to_mean() -> None:
    y, mean = torch.tensor([4.0, -2.0, 8.0]), torch.tensor([1.0, 1.0, 2.0])
    alpha = torch.tensor([0.0, 1.0, 0.5])
    assert draw_to_mean(y, mean, alpha).tolist() == [4.0, 1.0, 5.0]
    assert draw_to_mean(y, None, alpha).tolist() == [4.0, 0.0, 4.0]


@pytest.mark.parametrize(("channels", "planes"), [("all", 24), ("one", 1)])
def test_mask_network(channels: Any, planes: int) -> None:
    network = MaskNetwork(MaskSettings("x", channels=channels), feature_channels=7, latent=24)
    assert (
        sum(p.numel() for p in network.parameters()) == 7 * planes + planes
    )  # the 1x1 layer, and nothing else
    alpha = network(torch.randn(2, 7, 5, 6)).detach()
    assert alpha.shape == (2, planes, 5, 6)
    assert 0 < float(alpha.min()) < float(alpha.max()) < 0.2  # training begins near the codec without a mask


def test_a_mask_needs_to_know_its_features(trained: Callable[[str], Any]) -> None:
    settings = dataclasses.replace(trained("icm").settings, mask=MaskSettings("x"))
    with pytest.raises(ValueError, match="feature channels"):
        build_codec(settings)


def _prior(codec: Any, made: Any, picture: Tensor) -> Any:
    size = [side // codec.stride for side in picture.shape[-2:]]
    z_hat = codec.entropy_bottleneck.decompress([made.strings[1]], size)
    return codec.prior(codec.hyper_synthesize(z_hat), made.y_hat)
