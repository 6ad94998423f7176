"""Le's codec for machines.

(Le, Zhang, Cricri, Ghaznavi-Youvalari, Rahtu 2020, "Image coding for machines: an end-to-end learned approach".)
Residual blocks between strided and transposed convolutions; few latent channels (6) at 1/8; a hyperprior with mean and
scale, without context model, with side information at 1/32.
"""

from __future__ import annotations

from torch import Tensor, nn

from idse.learned.models.base import LatentCodec, Prior, scale_layer
from idse.learned.models.mask import MaskNetwork
from idse.learned.models.settings import ModelSettings


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with PReLU beside a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return x + self.body(x)


class IcmCodec(LatentCodec):
    """Auto-encoder with a latent of `settings.latent` channels at 1/8."""

    stride = 32
    latent_stride = 8

    def __init__(self, settings: ModelSettings, mask: MaskNetwork | None = None) -> None:
        super().__init__(settings, mask)
        n, m, blocks = settings.channels, settings.latent, settings.blocks
        self.g_a = nn.Sequential(
            *_down(3, n, 5), *_blocks(n, blocks), *_down(n, n, 5), *_blocks(n, blocks), *_down(n, n, 5),
            *_blocks(n, blocks), nn.Conv2d(n, m, 3, padding=1),
        )  # fmt: skip
        self.g_s = nn.Sequential(
            nn.Conv2d(m, n, 3, padding=1), nn.PReLU(n), *_blocks(n, blocks), *_up(n, n), *_blocks(n, blocks),
            *_up(n, n), *_blocks(n, blocks), nn.ConvTranspose2d(n, 3, 4, stride=2, padding=1),
        )  # fmt: skip
        self.h_a = nn.Sequential(
            nn.Conv2d(m, n, 3, padding=1), nn.PReLU(n), *_down(n, n, 5), *_down(n, n, 5)[:1]
        )
        self.h_s = nn.Sequential(*_up(n, n), *_up(n, n), nn.Conv2d(n, 2 * m, 3, padding=1))

    def prior(self, hyper: Tensor, y_hat: Tensor | None) -> Prior:
        """See `LatentCodec.prior`."""
        scales, means = hyper.chunk(2, 1)
        gain = self.latent_gain()
        return Prior(scales * gain, means * gain)

    def scale_latents(self, gain: float) -> None:
        """See `LatentCodec.scale_latents`."""
        scale_layer(self.g_a[-1], outside=gain)
        scale_layer(self.g_s[0], inside=gain)
        scale_layer(self.h_a[0], inside=gain)
        scale_layer(self.h_s[-1], outside=gain)


def _blocks(channels: int, count: int) -> list[nn.Module]:
    return [ResidualBlock(channels) for _ in range(count)]


def _down(inside: int, outside: int, size: int) -> list[nn.Module]:
    return [nn.Conv2d(inside, outside, size, stride=2, padding=size // 2), nn.PReLU(outside)]


def _up(inside: int, outside: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1), nn.PReLU(outside)]
