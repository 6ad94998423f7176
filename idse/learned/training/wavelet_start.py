"""Initial weights that make the transforms a Haar wavelet packet, which shortens the training.

Every strided convolution splits its channels' 2x2 blocks into their mean and three differences; every transposed
convolution inverts this. The bands in which photographs have the most energy are kept (low frequencies, luma before
chroma). From random weights a codec needs about ten thousand steps to reach the same quality. The structure of the
network does not change, and all weights are trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from idse.learned.models import LatentCodec

_COLOUR = torch.tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
"""RGB to luma and two colour differences (ITU-R BT.601)."""
_SIGNS = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]).float()
"""Signs of a 2x2 block's samples in the mean and in the horizontal, vertical and diagonal difference."""
_NOISE = 0.02
"""Factor of the random weights that are kept, so that no two channels learn the same."""
_GREY = 0.5
"""Subtracted from pictures, so that the transforms' inputs are around 0."""


@dataclass(frozen=True)
class _Band:
    """A channel: horizontal and vertical frequency, and 0 for luma, 1 or 2 for chroma."""

    x: int
    y: int
    colour: int

    @property
    def order(self) -> tuple[float, int, int, int]:
        """Sort key: bands with more energy come first."""
        return (self.x + 1) * (self.y + 1) * (2.5 if self.colour else 1.0), self.colour, self.y, self.x


@torch.no_grad()
def wavelet_start(codec: LatentCodec, gain: float) -> None:
    """Set the transforms' weights.

    Args:
        codec: A codec with random weights; those of the hyperprior do not change.
        gain: Scale of the latents relative to the picture (0..1): the rounding step is 1 / gain. Above 0.
    """
    groups = codec.groups()
    down = [m for m in groups["encoder"][0].modules() if isinstance(m, nn.Conv2d) and m.stride == (2, 2)]
    up = [m for m in groups["decoder"][0].modules() if isinstance(m, nn.ConvTranspose2d)]
    _make_linear(groups["encoder"][0])
    _make_linear(groups["decoder"][0])
    bands = [_Band(0, 0, colour) for colour in range(3)]
    to_bands, from_bands = _COLOUR, torch.linalg.inv(_COLOUR)
    for number, (analysis, synthesis) in enumerate(zip(down, up[::-1], strict=True)):
        bands = _stage(analysis, synthesis, bands, to_bands, from_bands)
        to_bands = from_bands = torch.eye(len(bands))
        if number == 0:
            assert analysis.bias is not None and synthesis.bias is not None
            analysis.bias.sub_(_GREY * analysis.weight.sum((1, 2, 3)))
            synthesis.bias.add_(_GREY)
    select = [m for m in groups["encoder"][0].children() if isinstance(m, nn.Conv2d) and m.stride == (1, 1)]
    spread = [m for m in groups["decoder"][0].children() if isinstance(m, nn.Conv2d)]
    if select:  # Le: a separate convolution selects the latents from the last stage's channels
        for module in (select[-1], spread[0]):
            _fade(module)
            count = min(module.in_channels, module.out_channels, len(bands))
            at = torch.arange(count)
            module.weight[at, at, 1, 1] += 1.0
    _scale(select[-1] if select else down[-1], gain)
    first = spread[0] if spread else up[0]
    first.weight.div_(gain)


def _stage(
    analysis: nn.Conv2d,
    synthesis: nn.ConvTranspose2d,
    bands: list[_Band],
    to_bands: Tensor,
    from_bands: Tensor,
) -> list[_Band]:
    """Split the bands once more; `to_bands` maps the convolution's inputs to bands, `from_bands` is the inverse."""
    found = [
        (_Band(2 * b.x + (k & 1), 2 * b.y + (k >> 1), b.colour), source, k)
        for source, b in enumerate(bands)
        for k in range(4)
    ]
    kept = sorted(found, key=lambda entry: entry[0].order)[: analysis.out_channels]
    for module in (analysis, synthesis):
        _fade(module)
    # Position of a block's samples in the kernels.
    a, s = analysis.padding[0], synthesis.padding[0]
    assert isinstance(a, int) and isinstance(s, int)
    for channel, (_, source, k) in enumerate(kept):
        block = _SIGNS[k].view(2, 2)
        split = to_bands[source][:, None, None] * block / 4
        join = from_bands[:, source][:, None, None] * block
        analysis.weight[channel, : len(to_bands), a : a + 2, a : a + 2] += split
        synthesis.weight[channel, : len(from_bands), s : s + 2, s : s + 2] += join
    return [band for band, _, _ in kept]


def _fade(module: nn.Conv2d | nn.ConvTranspose2d) -> None:
    _scale(module, _NOISE)


def _scale(module: nn.Conv2d | nn.ConvTranspose2d, gain: float) -> None:
    module.weight.mul_(gain)
    if module.bias is not None:
        module.bias.mul_(gain)


def _make_linear(transform: nn.Module) -> None:
    """Make PReLUs the identity, and residual blocks add almost nothing; GDN is close to the identity already."""
    for module in transform.modules():
        if isinstance(module, nn.PReLU):
            module.weight.fill_(1.0)
        body = getattr(module, "body", None)
        if isinstance(body, nn.Sequential) and isinstance(body[-1], nn.Conv2d):
            _fade(body[-1])
