"""The scale hyperprior (Ballé et al. 2018) with CompressAI's networks."""

from __future__ import annotations

import torch
from compressai.models import ScaleHyperprior
from torch import Tensor

from idse.learned.models.base import LatentCodec, Prior, scale_layer
from idse.learned.models.mask import MaskNetwork
from idse.learned.models.settings import ModelSettings


class ScaleHyperpriorCodec(LatentCodec):
    """GDN transforms with latents at 1/16, side information at 1/64, Gaussians of mean 0."""

    stride = 64
    latent_stride = 16

    def __init__(self, settings: ModelSettings, mask: MaskNetwork | None = None) -> None:
        super().__init__(settings, mask)
        parts = ScaleHyperprior(settings.channels, settings.latent)
        self.g_a, self.g_s, self.h_a, self.h_s = parts.g_a, parts.g_s, parts.h_a, parts.h_s

    def hyper_analyze(self, y: Tensor) -> Tensor:
        """See `LatentCodec.hyper_analyze`: scales depend on magnitudes alone."""
        return self.h_a(torch.abs(y / self.latent_gain()))

    def prior(self, hyper: Tensor, y_hat: Tensor | None) -> Prior:
        """See `LatentCodec.prior`."""
        return Prior(hyper * self.latent_gain(), None)

    def scale_latents(self, gain: float) -> None:
        """See `LatentCodec.scale_latents`."""
        scale_layer(self.g_a[-1], outside=gain)
        scale_layer(self.g_s[0], inside=gain)
        scale_layer(self.h_a[0], inside=gain)
        scale_layer(self.h_s[-2], outside=gain)  # before the ReLU
