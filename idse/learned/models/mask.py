"""LSMnet: a mask of the latents that a detector needs.

(Fischer, Brand, Kaup 2022, "Boosting neural image compression for machines using latent space masking".) A frozen
backbone of the detector processes the uncompressed picture; a 1x1 convolution and a sigmoid compute a mask alpha of the
latents from its features. y' = y - alpha (y - mu) moves latents that are not needed to the mean of their distribution,
where they cost almost no bits. The decoder does not need the mask.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from idse.errors import IdseError
from idse.features.base import FeatureExtractor
from idse.features.loading import load_extractor
from idse.learned.models.settings import MaskSettings

_START = -3.0
"""Initial bias: alpha starts near 0.05, so that training starts close to the codec without a mask."""


class MaskNetwork(nn.Module):
    """The trainable layer: 1x1 convolution and sigmoid.

    Args:
        settings: Its `channels` is used.
        feature_channels: Number of channels of the backbone's feature map.
        latent: M, number of latent channels.
    """

    def __init__(self, settings: MaskSettings, feature_channels: int, latent: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(feature_channels, latent if settings.channels == "all" else 1, 1)
        nn.init.normal_(self.layer.weight, std=1e-3)
        assert self.layer.bias is not None
        nn.init.constant_(self.layer.bias, _START)

    def forward(self, features: Tensor) -> Tensor:
        """`[N, M or 1, h, w]` alpha in 0..1 of features `[N, C, h, w]` on the latents' grid."""
        return torch.sigmoid(self.layer(features))


def draw_to_mean(y: Tensor, mean: Tensor | None, alpha: Tensor) -> Tensor:
    """Latents y' = y - alpha (y - mu): alpha 0 keeps a latent, 1 replaces it by its mean (None: 0)."""
    return y - alpha * (y if mean is None else y - mean)


class Salience:
    """The frozen backbone's features on the grid of the latents.

    Args:
        settings: Its `level` is used.
        extractor: A `FeatureExtractor` with a `placement`.
    """

    def __init__(self, settings: MaskSettings, extractor: FeatureExtractor) -> None:
        self.settings = settings
        self.extractor: Any = extractor
        self._level = settings.level

    @torch.no_grad()
    def __call__(self, rgb: Tensor, latent_stride: int, stride: int) -> Tensor:
        """Features `[N, C, h, w]` of pictures at the positions of the latents.

        Args:
            rgb: `[N, 3, H, W]`, 0..1, not padded.
            latent_stride: Distance of the latents in samples.
            stride: The codec pads pictures to multiples of this.

        Raises:
            IdseError: The backbone has no such level.
        """
        height, width = rgb.shape[-2:]
        rows, cols = (-(-side // stride) * stride // latent_stride for side in (height, width))
        levels = self.extractor.features(rgb.to(self.extractor.device))
        features = levels[self._choose(levels, rows * cols)]
        placement, (in_rows, in_cols) = self.extractor.placement(width, height)
        # Centres of the latents, in the backbone's input, in grid_sample's -1..1.
        y = (
            torch.arange(rows, device=features.device) + 0.5
        ) * latent_stride * placement.scale_y + placement.top
        x = (
            torch.arange(cols, device=features.device) + 0.5
        ) * latent_stride * placement.scale_x + placement.left
        grid_y, grid_x = torch.meshgrid(2 * y / in_rows - 1, 2 * x / in_cols - 1, indexing="ij")
        grid = torch.stack([grid_x, grid_y], -1).to(features.dtype).expand(len(rgb), -1, -1, -1)
        return F.grid_sample(features, grid, padding_mode="border", align_corners=False)

    def channels(self) -> int:
        """Number of channels of the features."""
        probe = torch.zeros(1, 3, 128, 128, device=self.extractor.device)
        return int(self(probe, 16, 64).shape[1])

    def settled(self) -> MaskSettings:
        """The settings with the level (chosen with the first picture) and the digest of the weights."""
        found = self.extractor.description.get("weights_sha256", "")
        return dataclasses.replace(self.settings, level=self._level, sha256=found)

    def _choose(self, levels: list[Tensor], cells: int) -> int:
        """The level of the settings, or the one nearest in size; once chosen it does not change."""
        if self._level is None:
            sizes = [level.shape[-2] * level.shape[-1] for level in levels]
            self._level = min(
                range(len(levels)), key=lambda i: abs(torch.tensor(sizes[i] / cells).log().item())
            )
        if self._level >= len(levels):
            raise IdseError(f"mask: level {self._level}: the backbone has levels 0..{len(levels) - 1}")
        return self._level


def load_salience(
    settings: MaskSettings, device: str | torch.device = "auto", weights: Any = None
) -> Salience:
    """Load the backbone that gives a mask network's input.

    Args:
        settings: Settings with the name of the detector.
        device: Device of the backbone.
        weights: File of torchvision weights; None: torchvision's default weights.

    Raises:
        IdseError: It is missing, or its weights are not those that the mask was trained with.
    """
    extractor = load_extractor(settings.detector, weights=weights, device=device)
    if not hasattr(extractor, "placement"):
        raise IdseError(
            f"mask: '{settings.detector}' is not a detector with a backbone: give an ONNX file or a torchvision name"
        )
    found = extractor.description.get("weights_sha256", "")
    if settings.sha256 and settings.sha256 != found:
        raise IdseError(
            f"{settings.detector}: differs from the weights that the mask was trained with "
            f"(SHA-256 {found[:12]}, expected {settings.sha256[:12]})"
        )
    return Salience(settings, extractor)
