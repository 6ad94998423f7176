"""Joint autoregressive and hierarchical priors (Minnen et al. 2018) with CompressAI's networks.

The context model is a masked 5x5 convolution: a latent's Gaussian depends on the two rows above and on the two places
to its left. So positions with equal 3 row + column do not depend on each other and are coded together (a wavefront).
This gives the same probabilities as raster order in a fraction of the steps.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from compressai.ans import BufferedRansEncoder, RansDecoder
from compressai.models import JointAutoregressiveHierarchicalPriors
from torch import Tensor, nn

from idse.learned.models.base import LatentCodec, Prior, scale_layer
from idse.learned.models.mask import MaskNetwork, draw_to_mean
from idse.learned.models.settings import ModelSettings

_SIZE = 5
"""Side of the context model's window."""
_REACH = _SIZE // 2


class AutoregressiveCodec(LatentCodec):
    """GDN transforms with latents at 1/16, side information at 1/64, means and scales from both and from context."""

    stride = 64
    latent_stride = 16

    def __init__(self, settings: ModelSettings, mask: MaskNetwork | None = None) -> None:
        super().__init__(settings, mask)
        parts = JointAutoregressiveHierarchicalPriors(settings.channels, settings.latent)
        self.g_a, self.g_s, self.h_a, self.h_s = parts.g_a, parts.g_s, parts.h_a, parts.h_s
        self.entropy_parameters, self.context_prediction = parts.entropy_parameters, parts.context_prediction

    def prior(self, hyper: Tensor, y_hat: Tensor | None) -> Prior:
        """See `LatentCodec.prior`; for all positions at once, when all latents are known."""
        assert y_hat is not None
        gain = self.latent_gain()
        both = torch.cat((hyper, self.context_prediction(y_hat / gain)), dim=1)
        scales, means = self.entropy_parameters(both).chunk(2, 1)
        return Prior(scales * gain, means * gain)

    def scale_latents(self, gain: float) -> None:
        """See `LatentCodec.scale_latents`."""
        scale_layer(self.g_a[-1], outside=gain)
        scale_layer(self.g_s[0], inside=gain)
        scale_layer(self.h_a[0], inside=gain)
        scale_layer(self.context_prediction, inside=gain)
        scale_layer(self.entropy_parameters[-1], outside=gain)

    def _context_model(self) -> list[nn.Module]:
        return [self.entropy_parameters, self.context_prediction]

    def _context(self, y: Tensor) -> Tensor:
        return self.gaussian_conditional.quantize(y, "noise" if self.training else "dequantize")

    def _compress_latents(
        self, y: Tensor, hyper: Tensor, alpha: Tensor | None
    ) -> tuple[bytes, Tensor, Tensor]:
        conditional = self.gaussian_conditional
        symbols: list[int] = []
        indexes: list[int] = []
        padded = F.pad(torch.zeros_like(y), (_REACH,) * 4)
        drawing = None if alpha is None else alpha.expand_as(y)
        for rows, cols, prior in self._wavefronts(hyper, padded):
            wanted = y[0, :, rows, cols].T
            if drawing is not None:
                wanted = draw_to_mean(wanted, prior.means, drawing[0, :, rows, cols].T)
            q = conditional.quantize(wanted, "symbols", prior.means)
            padded[0, :, rows + _REACH, cols + _REACH] = conditional.dequantize(q, prior.means).T
            symbols += q.flatten().tolist()
            indexes += conditional.build_indexes(prior.scales).flatten().tolist()
        encoder = BufferedRansEncoder()
        encoder.encode_with_indexes(symbols, indexes, *self._tables_as_lists())
        y_hat = padded[:, :, _REACH:-_REACH, _REACH:-_REACH].contiguous()
        whole = self.prior(hyper, y_hat)
        _, likelihoods = conditional(y_hat, whole.scales, means=whole.means, training=False)
        return encoder.flush(), y_hat, likelihoods

    def _decompress_latents(self, string: bytes, hyper: Tensor) -> Tensor:
        conditional = self.gaussian_conditional
        decoder = RansDecoder()
        decoder.set_stream(string)
        tables = self._tables_as_lists()
        rows, cols = hyper.shape[-2:]
        padded = hyper.new_zeros((1, self.settings.latent, rows + 2 * _REACH, cols + 2 * _REACH))
        for at_rows, at_cols, prior in self._wavefronts(hyper, padded):
            indexes = conditional.build_indexes(prior.scales)
            found = decoder.decode_stream(indexes.flatten().tolist(), *tables)
            q = torch.tensor(found, dtype=torch.int32).reshape(indexes.shape)
            padded[0, :, at_rows + _REACH, at_cols + _REACH] = conditional.dequantize(q, prior.means).T
        return padded[:, :, _REACH:-_REACH, _REACH:-_REACH].contiguous()

    def _wavefronts(self, hyper: Tensor, padded: Tensor) -> Iterator[tuple[Tensor, Tensor, Prior]]:
        """Rows and columns of positions that are coded together, and their Gaussians `[places, M]`.

        `padded` `[1, M, h + 4, w + 4]` contains the latents coded so far; the caller writes the new values into it
        before it requests the next positions. Encoder and decoder both use this, so that they compute the same numbers.
        """
        height, width = hyper.shape[-2:]
        context = self.context_prediction
        gain = self.latent_gain()[0, :, 0, 0]
        kernel = (context.weight * context.mask / gain[None, :, None, None]).flatten(1)
        offsets = torch.arange(_SIZE)
        all_rows = torch.arange(height)
        for front in range(width + (_REACH + 1) * (height - 1)):
            cols = front - (_REACH + 1) * all_rows
            inside = (cols >= 0) & (cols < width)
            rows, cols = all_rows[inside], cols[inside]
            windows = padded[0][
                :, (rows[:, None] + offsets)[:, :, None], (cols[:, None] + offsets)[:, None, :]
            ]  # [M, places, 5, 5]
            seen = F.linear(windows.transpose(0, 1).flatten(1), kernel, context.bias)
            both = torch.cat((hyper[0, :, rows, cols].T, seen), dim=1)[:, :, None, None]
            scales, means = self.entropy_parameters(both)[:, :, 0, 0].chunk(2, 1)
            yield rows, cols, Prior(scales * gain, means * gain)

    def _tables_as_lists(self) -> tuple[list[list[int]], list[int], list[int]]:
        conditional = self.gaussian_conditional
        lengths = conditional.cdf_length.tolist()
        rows = conditional.quantized_cdf.tolist()
        return [row[:n] for row, n in zip(rows, lengths, strict=True)], lengths, conditional.offset.tolist()
