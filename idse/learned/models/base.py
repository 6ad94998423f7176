"""What every learned codec has in common: a transform, a hyperprior, and the entropy coding of both.

With y = g_a(x), z = h_a(y): z is coded with a factorised prior, y with Gaussians whose parameters h_s makes of z
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
"""Adam moves every weight by about the learning rate a step; a gain's logarithm so many times as far."""
_TABLES = ("_offset", "_quantized_cdf", "_cdf_length", "scale_table")


@dataclass
class Coded:
    """What a codec makes of pictures, without a stream.

    Attributes:
        x_hat: `[N, 3, H, W]`, not clamped.
        likelihoods: Of every latent, by name ("y", "z"), in 0..1.
    """

    x_hat: Tensor
    likelihoods: dict[str, Tensor]

    def bits(self) -> Tensor:
        """`[N]`: ideal code lengths."""
        return sum_bits(self.likelihoods)


@dataclass
class Compressed:
    """One picture's entropy-coded latents.

    Attributes:
        strings: Of y and z, as the entropy coder gives them.
        y_hat: `[1, M, h, w]`, as the decoder will have it.
        estimated_bits: Ideal code length of what was coded.
    """

    strings: list[bytes]
    y_hat: Tensor
    estimated_bits: float


class LatentGain(nn.Module):
    """Multiplies every latent channel by a gain of its own before rounding, and divides by it after.

    All else sees the latents without it, so a gain decides how finely a channel is rounded, and nothing else
    (cf. Cui et al. 2021, "Asymmetric gained deep image compression with continuous rate adaptation"). 1 unless a set-up
    trains it.

    Args:
        channels: M.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.zeros(channels))

    def forward(self) -> Tensor:
        """`[1, M, 1, 1]`, above 0."""
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
        settings: As built.
        stride: Pictures' sides are multiples of it.
        latent_stride: Samples of the picture between latents.
        mask: LSMnet's mask network; what it sees is not part of the codec.
        tables_fixed: `tables` leaves the tables as they are: of a decoder side that was not trained.
        straight_through: While training the decoder gets rounded latents, whose gradient passes as if nothing had been
            rounded, instead of noisy ones; rates are still those of noisy ones.
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
        # Never trained with a loss of their own: `tables` finds the quantiles by bisection.
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
        """h_s: what the decoder knows of y from z."""
        return self.h_s(z_hat)

    def synthesize(self, y_hat: Tensor) -> Tensor:
        """g_s: `[N, 3, H, W]` of latents, not clamped."""
        return self.g_s(y_hat / self.latent_gain())

    @abstractmethod
    def prior(self, hyper: Tensor, y_hat: Tensor | None) -> Prior:
        """The Gaussians, from the hyper-decoder's output and (with a context model) the latents already coded."""

    def groups(self) -> dict[str, list[nn.Module]]:
        """Modules by what a set-up trains: "encoder", "decoder" (g_s), "gain", "entropy" (the priors), "mask"."""
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
        """Multiply y by a gain, in place, so that all else stays: only the rounding gets finer (above 1) or coarser."""

    def forward(self, x: Tensor, alpha: Tensor | None = None) -> Coded:
        """Code pictures without a stream: uniform noise instead of rounding while training (see `straight_through`)."""
        y = self.analyze(x)
        with torch.autocast(y.device.type, enabled=False):  # likelihoods of 16 bits are none
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
        """Stands for the latents already coded while all are computed at once; None without a context model."""
        return None

    def _first_prior(self, y: Tensor) -> Prior:
        """What the prior would be if nothing were masked."""
        z_hat, _ = self.entropy_bottleneck(self.hyper_analyze(y))
        return self.prior(self.hyper_synthesize(z_hat), self._context(y))

    def _drawn(self, y: Tensor, prior: Prior, alpha: Tensor | None) -> Tensor:
        return y if alpha is None else draw_to_mean(y, prior.means, alpha)

    @torch.no_grad()
    def tables(self) -> None:
        """Make the entropy coder's integer tables of the priors; they are saved with the weights."""
        if self.tables_fixed and self.entropy_bottleneck.quantized_cdf.numel():
            return
        self.entropy_bottleneck.update(force=True, update_quantiles=True)
        self.gaussian_conditional.update_scale_table(get_scale_table(), force=True)

    @torch.no_grad()
    def find_medians(self) -> None:
        """Of the factorised prior, which rounding refers to; for evaluation without `tables`."""
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
        """As `torch.nn.Module.load_state_dict`; tables take the size of those that come, gains may be missing (1)."""
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
    """Change a convolution as if its inputs came divided by `inside`, and its outputs were multiplied by `outside`."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    weight.mul_(outside / inside)
    if isinstance(bias, Tensor):
        bias.mul_(outside)


def sum_bits(likelihoods: Mapping[str, Tensor]) -> Tensor:
    """`[N]`: minus log2 of the likelihoods, summed."""
    return sum(
        (-torch.log2(value).flatten(1).sum(1) for value in likelihoods.values()),
        start=torch.zeros((), device=next(iter(likelihoods.values())).device),
    )


def pad(x: Tensor, stride: int) -> Tensor:
    """Pictures with their last column and row repeated until the sides are multiples of `stride`."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % stride, 0, -height % stride), mode="replicate")


def module_device(module: nn.Module) -> torch.device:
    """Where a network's weights are."""
    return next(module.parameters()).device
