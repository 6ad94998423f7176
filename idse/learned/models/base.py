"""Base class of the learned codecs: transform, hyperprior, and entropy coding of both.

With y = g_a(x), z = h_a(y): z is coded with a factorised prior, y with Gaussians whose parameters h_s computes from z
(Ballé et al. 2018, "Variational image compression with a scale hyperprior").
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from compressai.entropy_models import EntropyBottleneck, EntropyModel, GaussianConditional
from compressai.models.base import get_scale_table
from torch import Tensor, nn

from idse.learned.models.mask import MaskNetwork, draw_to_mean
from idse.learned.models.settings import ModelSettings

_GAIN_SPEED = 100.0
"""Factor of a gain's learning rate: Adam changes every weight by about the learning rate in each step."""
_TABLES = ("_offset", "_quantized_cdf", "_cdf_length", "scale_table")


@dataclass
class Coded:
    """Result of coding pictures without a stream.

    Attributes:
        x_hat: Decoded pictures `[N, 3, H, W]`, not clamped.
        likelihoods: Likelihoods of all latents, by name ("y", "z"), in 0..1.
    """

    x_hat: Tensor
    likelihoods: dict[str, Tensor]

    def bits(self) -> Tensor:
        """Ideal code lengths in bits, `[N]`."""
        return sum_bits(self.likelihoods)


@dataclass
class Compressed:
    """One picture's entropy-coded latents.

    Attributes:
        strings: Strings of y and z from the entropy coder.
        y_hat: Latents `[1, M, h, w]`, the same as in the decoder.
        estimated_bits: Ideal code length of the coded symbols.
    """

    strings: list[bytes]
    y_hat: Tensor
    estimated_bits: float


class LatentGain(nn.Module):
    """A gain for each latent channel: latents are multiplied by it before rounding, and divided by it afterwards.

    The other parts use the latents without the gain, so a gain only determines how finely a channel is rounded
    (cf. Cui et al. 2021, "Asymmetric gained deep image compression with continuous rate adaptation"). It is 1 unless a
    set-up trains it.

    Args:
        channels: M, number of latent channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.zeros(channels))

    def forward(self) -> Tensor:
        """The gains `[1, M, 1, 1]`, above 0."""
        return torch.exp(_GAIN_SPEED * self.log)[None, :, None, None]


@dataclass
class Prior:
    """Gaussians of y: scales, and means (None: 0)."""

    scales: Tensor
    means: Tensor | None


class LatentCodec(nn.Module):
    """A codec's network; see `build_codec`.

    Pictures are `[N, 3, H, W]`, RGB in 0..1, H and W multiples of `stride` (see `pad`). `alpha` is a mask
    `[N, M or 1, h, w]` in 0..1 over the latents: y' = y - alpha (y - mu) is coded instead of y.

    Attributes:
        settings: Settings of the network.
        stride: The sides of pictures must be multiples of it.
        latent_stride: Distance of the latents in samples of the picture.
        mask: LSMnet's mask network; the backbone that gives its input is not part of the codec.
        tables_fixed: Whether `tables` does not change existing tables, because the decoder is not trained.
        straight_through: Whether the decoder gets rounded latents in training instead of noisy ones, with the gradient
            of the latents before rounding; rates are still those of noisy latents.
    """

    stride: int
    latent_stride: int
    g_a: nn.Sequential
    g_s: nn.Sequential
    h_a: nn.Sequential
    h_s: nn.Sequential

    def __init__(self, settings: ModelSettings, mask: MaskNetwork | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.mask = mask
        self.tables_fixed = False
        self.straight_through = False
        self.entropy_bottleneck = EntropyBottleneck(settings.channels)
        # The quantiles are not trained: `tables` finds them by bisection.
        self.entropy_bottleneck.quantiles.requires_grad_(False)
        self.gaussian_conditional = GaussianConditional(None)
        self.latent_gain = LatentGain(settings.latent)

    def analyze(self, x: Tensor) -> Tensor:
        """g_a: y of pictures."""
        return self.g_a(x) * self.latent_gain()

    def hyper_analyze(self, y: Tensor) -> Tensor:
        """h_a: z of y."""
        return self.h_a(y / self.latent_gain())

    def hyper_synthesize(self, z_hat: Tensor) -> Tensor:
        """h_s: side information about y, from z."""
        return self.h_s(z_hat)

    def synthesize(self, y_hat: Tensor) -> Tensor:
        """g_s: `[N, 3, H, W]` of latents, not clamped."""
        return self.g_s(y_hat / self.latent_gain())

    @abstractmethod
    def prior(self, hyper: Tensor, y_hat: Tensor | None) -> Prior:
        """The Gaussians, from the hyper-decoder's output and (with a context model) the latents already coded."""

    def groups(self) -> dict[str, list[nn.Module]]:
        """Modules by the names of the parts in a set-up: "encoder", "decoder", "gain", "entropy" (priors), "mask"."""
        return {
            "encoder": [self.g_a, self.h_a],
            "decoder": [self.g_s],
            "gain": [self.latent_gain],
            "entropy": [self.h_s, *self._context_model(), self.entropy_bottleneck, self.gaussian_conditional],
            "mask": [] if self.mask is None else [self.mask],
        }

    def _context_model(self) -> list[nn.Module]:
        """Modules between the hyper-decoder and the Gaussians."""
        return []

    @abstractmethod
    def scale_latents(self, gain: float) -> None:
        """Scale y by a gain, and adapt the other weights: only the rounding becomes finer (above 1) or coarser."""

    def forward(self, x: Tensor, alpha: Tensor | None = None) -> Coded:
        """Code pictures without a stream: uniform noise instead of rounding while training (see `straight_through`)."""
        y = self.analyze(x)
        with torch.autocast(y.device.type, enabled=False):  # likelihoods need float32
            y = y.float()
            z_source = y
            if alpha is not None and self._mask_sees_hyper:
                z_source = self._drawn(y, self._first_prior(y), alpha)
            z_hat, z_likelihoods = self.entropy_bottleneck(self.hyper_analyze(z_source))
            hyper = self.hyper_synthesize(z_hat)
            seen = self._context(y if alpha is None else z_source)
            prior = self.prior(hyper, seen)
            drawn = self._drawn(y, prior, alpha)
            y_hat, y_likelihoods = self.gaussian_conditional(drawn, prior.scales, means=prior.means)
            if self.training and self.straight_through:
                rounded = self.gaussian_conditional.quantize(drawn, "dequantize", prior.means)
                y_hat = drawn + (rounded - drawn).detach()
        return Coded(self.synthesize(y_hat), {"y": y_likelihoods, "z": z_likelihoods})

    def compress(self, x: Tensor, alpha: Tensor | None = None) -> Compressed:
        """Code one picture `[1, 3, H, W]`; after `tables`, in evaluation mode.

        Raises:
            ValueError: More than one picture, or sides that are no multiples of `stride`.
        """
        if len(x) != 1 or x.shape[-2] % self.stride or x.shape[-1] % self.stride:
            raise ValueError(f"compress: one picture, padded to {self.stride}, not {list(x.shape)}")
        y = self.analyze(x)
        z_source = y
        if alpha is not None and self._mask_sees_hyper:
            z_source = self._drawn(y, self._first_prior(y), alpha)
        z = self.hyper_analyze(z_source)
        z_string = self.entropy_bottleneck.compress(z)[0]
        z_hat, z_likelihoods = self.entropy_bottleneck(z, training=False)
        y_string, y_hat, y_likelihoods = self._compress_latents(y, self.hyper_synthesize(z_hat), alpha)
        bits = float(sum_bits({"y": y_likelihoods, "z": z_likelihoods})[0])
        return Compressed([y_string, z_string], y_hat, bits)

    def decompress(self, strings: list[bytes], shape: tuple[int, int]) -> Tensor:
        """Latents `[1, M, h, w]` of one picture.

        Args:
            strings: As `compress` gave them.
            shape: Height and width of the padded picture.
        """
        y_string, z_string = strings
        size = [side // self.stride for side in shape]
        z_hat = self.entropy_bottleneck.decompress([z_string], size)
        return self._decompress_latents(y_string, self.hyper_synthesize(z_hat))

    def _compress_latents(
        self, y: Tensor, hyper: Tensor, alpha: Tensor | None
    ) -> tuple[bytes, Tensor, Tensor]:
        """String, y_hat and likelihoods of y."""
        prior = self.prior(hyper, None)
        drawn = self._drawn(y, prior, alpha)
        indexes = self.gaussian_conditional.build_indexes(prior.scales)
        string = self.gaussian_conditional.compress(drawn, indexes, means=prior.means)[0]
        y_hat, likelihoods = self.gaussian_conditional(drawn, prior.scales, means=prior.means, training=False)
        return string, y_hat, likelihoods

    def _decompress_latents(self, string: bytes, hyper: Tensor) -> Tensor:
        prior = self.prior(hyper, None)
        indexes = self.gaussian_conditional.build_indexes(prior.scales)
        return self.gaussian_conditional.decompress([string], indexes, prior.scales.dtype, prior.means)

    @property
    def _mask_sees_hyper(self) -> bool:
        return self.settings.mask is None or self.settings.mask.sees_hyper

    def _context(self, y: Tensor) -> Tensor | None:
        """Input of the context model when all latents are computed at once; None without a context model."""
        return None

    def _first_prior(self, y: Tensor) -> Prior:
        """The prior without masking."""
        z_hat, _ = self.entropy_bottleneck(self.hyper_analyze(y))
        return self.prior(self.hyper_synthesize(z_hat), self._context(y))

    def _drawn(self, y: Tensor, prior: Prior, alpha: Tensor | None) -> Tensor:
        return y if alpha is None else draw_to_mean(y, prior.means, alpha)

    @torch.no_grad()
    def tables(self) -> None:
        """Make the integer tables of the entropy coder from the priors; they are saved with the weights."""
        if self.tables_fixed and self.entropy_bottleneck.quantized_cdf.numel():
            return
        self.entropy_bottleneck.update(force=True, update_quantiles=True)
        self.gaussian_conditional.update_scale_table(get_scale_table(), force=True)

    @torch.no_grad()
    def find_medians(self) -> None:
        """Find the medians of the factorised prior, which rounding uses; for evaluation without `tables`."""
        if not self.tables_fixed:
            self.entropy_bottleneck._update_quantiles()

    def decoder_state(self) -> dict[str, Tensor]:
        """Weights and tables that a decoder needs, by name."""
        groups = self.groups()
        inside = {
            id(value)
            for group in ("decoder", "gain", "entropy")
            for module in groups[group]
            for value in (*module.parameters(), *module.buffers())
        }
        named = [*self.named_parameters(), *self.named_buffers()]
        return {name: value.detach() for name, value in named if id(value) in inside}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """As `torch.nn.Module.load_state_dict`; tables may have another size, and missing gains are set to 1."""
        state_dict = {"latent_gain.log": torch.zeros_like(self.latent_gain.log), **state_dict}
        for prefix, module in self.named_modules():
            if isinstance(module, EntropyModel):
                for name in _TABLES:
                    given = state_dict.get(f"{prefix}.{name}")
                    if given is not None and given.shape != getattr(module, name).shape:
                        setattr(module, name, torch.empty_like(given, device=module_device(self)))
        return super().load_state_dict(state_dict, strict, assign)


@torch.no_grad()
def scale_layer(layer: nn.Module, *, inside: float = 1.0, outside: float = 1.0) -> None:
    """Change a convolution so that it divides its inputs by `inside`, and multiplies its outputs by `outside`."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    weight.mul_(outside / inside)
    if isinstance(bias, Tensor):
        bias.mul_(outside)


def sum_bits(likelihoods: Mapping[str, Tensor]) -> Tensor:
    """Sum of minus log2 of the likelihoods, `[N]`."""
    return sum(
        (-torch.log2(value).flatten(1).sum(1) for value in likelihoods.values()),
        start=torch.zeros((), device=next(iter(likelihoods.values())).device),
    )


def pad(x: Tensor, stride: int) -> Tensor:
    """Pictures with their last column and row repeated until the sides are multiples of `stride`."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % stride, 0, -height % stride), mode="replicate")


def module_device(module: nn.Module) -> torch.device:
    """The device of a network's weights."""
    return next(module.parameters()).device
