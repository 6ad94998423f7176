"""Weights to begin with: the transforms as a Haar wavelet packet, so that a short training need not find one first.

Every strided convolution splits its channels' 2x2 blocks into mean and three differences, every transposed one puts
them together again; of the bands those are kept that photographs have the most energy in (low frequencies, luma before
colour). From random weights a codec needs some ten thousand steps to come as far. Nothing of the network's structure
changes, and all of it is trained from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from idse.learned.models import LatentCodec

_COLOUR = torch.tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
"""RGB to luma and two colour differences (ITU-R BT.601)."""
_SIGNS = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]).float()
"""Of a 2x2 block's samples in the mean, the horizontal, the vertical and the diagonal difference."""
_NOISE = 0.02
"""Share of the random weights that stays, so that no two channels learn the same."""
_GREY = 0.5
"""Subtracted from pictures, so that the transforms' values lie around 0."""


@dataclass(frozen=True)
class _Band:
    """A channel: horizontal and vertical frequency, and 0 for luma, 1 and 2 for colour."""

    x: int
    y: int
    colour: int

    @property
    def order(self) -> tuple[float, int, int, int]:
        """Rising as energy falls."""
        return (self.x + 1) * (self.y + 1) * (2.5 if self.colour else 1.0), self.colour, self.y, self.x


@torch.no_grad()
def wavelet_start(codec: LatentCodec, gain: float) -> None:
    """Set the transforms' weights.

    Args:
        codec: With fresh weights; the hyperprior's stay as they are.
        gain: Latents a unit of the picture (0..1): the noise of rounding is 1 / gain. Above 0.
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
    if select:  # Le's: the latents are chosen from the last stage's channels by a convolution of their own
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
    """Split bands once more; `to_bands` makes them of the convolution's inputs, `from_bands` the other way round."""
    found = [
        (_Band(2 * b.x + (k & 1), 2 * b.y + (k >> 1), b.colour), source, k)
        for source, b in enumerate(bands)
        for k in range(4)
    ]
    kept = sorted(found, key=lambda entry: entry[0].order)[: analysis.out_channels]
    for module in (analysis, synthesis):
        _fade(module)
    # A block's samples under the kernels: from the place whose step is 0 on.
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
    """PReLUs that let everything pass, and residual blocks that add nothing yet; GDN is near the identity by itself."""
    for module in transform.modules():
        if isinstance(module, nn.PReLU):
            module.weight.fill_(1.0)
        body = getattr(module, "body", None)
        if isinstance(body, nn.Sequential) and isinstance(body[-1], nn.Conv2d):
            _fade(body[-1])
