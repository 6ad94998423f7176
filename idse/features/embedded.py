"""The default extractor: a small trained network; the Jacobian of its features shows what detectors use.

A convolutional network (`SensitivityNet`, about half a million weights) looks at the whole picture and predicts gains
for the three planes on the grid of 8x8 luma samples, for each target (detectors' features, their detections, or both).
They are multiplied by a factor for masking by texture. The features are the picture's own Y, Cb and Cr samples times
the square roots of these gains. The gains are constant under differentiation (a stop-gradient, as in hard attention).
Therefore the features' Jacobian is diagonal except for the interpolation of chroma, its squares are the gains, and a
Rademacher sketch gives those of luma exactly with any number of rows. The network was trained so that its gains match
importance maps made with two detectors; `scripts/train_embedded.py` trains it, docs/embedded.md has the results.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from idse.features.embedded_file import (
    FORMAT,
    TARGETS,
    WEIGHTS,
    not_weights,
    profiles_for_header,
    read_weights,
    write_weights,
)

BLOCK = 8
"""Side, in luma samples, of the cells of the predicted map."""

WORKING_SIZE = 416
"""Longer side, in samples, of the network's input; smaller pictures are not enlarged."""

STRIDE = 4
"""Of the network's output in the working picture."""

_MOST_CHANNELS = 1024
_PAD_TO = 32
_LOG_LIMIT = 8.0
_MASKING_FLOOR = 4 / 255
# R'G'B' (columns) to Y, Cb and Cr (rows): BT.601 in full range.
_FROM_RGB = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
# A chroma sample that is enlarged bilinearly and averaged over 2x2 again is spread over 3x3 samples, with weights
# (1, 6, 1) / 8 in both directions. This is the sum of the squared weights; chroma features are divided by its root.
_CHROMA_ENERGY = (38 / 64) ** 2


class _Mix(nn.Module):
    """Residual block: depthwise filter, pointwise expansion, SiLU, pointwise reduction."""

    def __init__(self, channels: int, kernel: int = 5) -> None:
        super().__init__()
        self.filter = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.reduce = nn.Conv2d(2 * channels, channels, 1)
        nn.init.zeros_(self.reduce.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.reduce(F.silu(self.expand(self.filter(x))))


class SensitivityNet(nn.Module):
    """Predicts the logarithm of the sensitivity of Y, Cb and Cr at stride 4 from a picture, for each target.

    A pyramid of five levels (strides 2 to 32) and a top-down path; no batch statistics.
    """

    def __init__(
        self,
        channels: tuple[int, ...] = (16, 32, 64, 96, 128),
        width: int = 32,
        targets: tuple[str, ...] = TARGETS,
    ) -> None:
        """Build the network with random weights.

        Args:
            channels: Of the levels of strides 2, 4, 8, 16 and 32.
            width: Channels of the top-down path.
            targets: What it predicts sensitivities of, in the order of its outputs.
        """
        super().__init__()
        self.channels, self.width, self.targets = tuple(channels), width, tuple(targets)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, 2, 1) for a, b in zip((3, *channels[:-1]), channels, strict=True)
        )
        self.mix = nn.ModuleList(
            nn.Sequential(_Mix(c, 3)) if level == 0 else nn.Sequential(_Mix(c), _Mix(c))
            for level, c in enumerate(channels[1:])
        )
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels[1:])
        self.merge = nn.ModuleList(_Mix(width, 3 if level == 0 else 5) for level in range(len(channels) - 2))
        self.out = nn.Conv2d(width, 3 * len(self.targets), 1)
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            cast(nn.Parameter, self.out.bias).copy_(torch.tensor([0.0, 1.0, 1.5] * len(self.targets)))

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        """`[N, 3, h, w]` RGB in 0..1 to `[N, 3 targets, ceil32(h) / 4, ceil32(w) / 4]` logarithms."""
        height, width = rgb.shape[-2:]
        x = F.pad((rgb - 0.45) * 4, (0, -width % _PAD_TO, 0, -height % _PAD_TO), mode="replicate")
        x = F.silu(self.down[0](x))
        levels = []
        for down, mix in zip(self.down[1:], self.mix, strict=True):
            x = mix(F.silu(down(x)))
            levels.append(x)
        y = self.lateral[-1](levels[-1])
        for level in range(len(levels) - 2, -1, -1):
            up = F.interpolate(y, levels[level].shape[-2:], mode="bilinear", align_corners=False)
            y = self.merge[level](self.lateral[level](levels[level]) + up)
        return self.out(y)


def working_picture(rgb: torch.Tensor) -> torch.Tensor:
    """Reduce pictures to the network's working size as detectors do; smaller pictures stay as they are."""
    height, width = rgb.shape[-2:]
    scale = min(1.0, WORKING_SIZE / max(height, width))
    size = max(1, int(height * scale + 1e-6)), max(1, int(width * scale + 1e-6))
    if size == (height, width):
        return rgb
    return F.interpolate(rgb, size, mode="bilinear", align_corners=False, antialias=scale < 0.5)


def resample(
    grid: torch.Tensor, to: tuple[int, int], cell: tuple[float, float], extent: tuple[float, float]
) -> torch.Tensor:
    """Resample a grid bilinearly at the centres of cells of another one.

    Args:
        grid: `[N, C, h, w]`.
        to: Rows and columns of the result.
        cell: Height and width of the result's cells.
        extent: Height and width that `grid` covers, in the units of `cell`.
    """
    rows = (torch.arange(to[0], device=grid.device) + 0.5) * (2 * cell[0] / extent[0]) - 1
    cols = (torch.arange(to[1], device=grid.device) + 0.5) * (2 * cell[1] / extent[1]) - 1
    where = torch.stack(torch.meshgrid(rows, cols, indexing="ij"), -1).flip(-1).to(grid.dtype)
    where = where.expand(grid.shape[0], -1, -1, -1)
    return F.grid_sample(grid, where, mode="bilinear", padding_mode="border", align_corners=False)


def predict_blocks(net: nn.Module, rgb: torch.Tensor) -> torch.Tensor:
    """Logarithm of the sensitivity of Y, Cb and Cr per block: `[N, 3 targets, ceil(H / 8), ceil(W / 8)]`."""
    height, width = rgb.shape[-2:]
    small = working_picture(rgb)
    log = net(small)
    extent = (
        log.shape[-2] * STRIDE * height / small.shape[-2],
        log.shape[-1] * STRIDE * width / small.shape[-1],
    )
    return resample(log, (-(-height // BLOCK), -(-width // BLOCK)), (BLOCK, BLOCK), extent)


class EmbeddedExtractor:
    """The embedded network as an extractor; see `base.FeatureExtractor` and `base.TargetPredictor`.

    Attributes:
        net: The network, its weights frozen.
        targets: What its gains may be of.
        contrast: Exponent of the predicted gains. Predictions vary less than the values they predict. The exponent
            restores some of the variance, so that the encoder's exponent has the same effect as on a detector's map.
        masking: Exponent of the factor `4 / (gradient + 4)` of the gains of all planes. The Jacobian holds for small
            errors; coding errors in texture are large and matter less than it predicts.
        profiles: The teachers' mean frequency profiles `[3, 8, 8]` by target; none in files of formats 1 and 2.
    """

    def __init__(
        self,
        net: SensitivityNet,
        device: torch.device,
        description: dict[str, Any],
        contrast: float = 1.0,
        masking: float = 0.0,
        profiles: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        """Wrap a trained network (`load_embedded` reads one).

        Args:
            net: The network; it is moved and frozen.
            device: Where to compute.
            description: Provenance.
            contrast: Exponent of the predicted gains.
            masking: Exponent of the masking.
            profiles: The teachers' mean frequency profiles by target.
        """
        self.name = "embedded"
        self.device = device
        self.description = description
        self.net = net.to(device).eval().requires_grad_(False)
        self.targets = net.targets
        self.contrast, self.masking = contrast, masking
        self.profiles = dict(profiles or {})
        self._matrix = torch.tensor(_FROM_RGB, device=device)

    @torch.no_grad()
    def log_gains(self, rgb: torch.Tensor, target: str = "features") -> torch.Tensor:
        """Logarithm of the gains of Y, Cb and Cr per 8x8 luma block: `[N, 3, ceil(H / 8), ceil(W / 8)]`."""
        rgb = rgb.clamp(0, 1)
        first = 3 * self.targets.index(target)
        log = self.contrast * predict_blocks(self.net, rgb)[:, first : first + 3]
        if self.masking:
            luma = torch.einsum("j,njhw->nhw", self._matrix[0], rgb)[:, None]
            log = log + self.masking * masking(luma)
        return log.clamp(-_LOG_LIMIT, _LOG_LIMIT)

    def features(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        """Weighted samples for the target "features"; see `weighted`."""
        return self.weighted(rgb, "features")

    def weighted(
        self, rgb: torch.Tensor, target: str, reference: torch.Tensor | None = None
    ) -> list[torch.Tensor]:
        """Weighted luma `[N, 1, H, W]` and weighted Cb and Cr `[N, 2, ceil(H / 2), ceil(W / 2)]`.

        Args:
            rgb: `[N, 3, H, W]`, RGB in 0..1.
            target: One of `targets`.
            reference: Pictures of the same shape that the gains are of; by default `rgb`.
        """
        height, width = rgb.shape[-2:]
        planes = torch.einsum("ij,njhw->nihw", self._matrix.to(rgb.dtype), rgb)
        with torch.no_grad():
            looked_at = rgb if reference is None else reference
            gains = (0.5 * self.log_gains(looked_at.detach().float(), target)).exp().to(rgb.dtype)
            luma = _enlarge(gains[:, :1], BLOCK, height, width)
            chroma = _enlarge(gains[:, 1:], BLOCK // 2, -(-height // 2), -(-width // 2))
        half = F.avg_pool2d(planes[:, 1:], 2, ceil_mode=True, count_include_pad=False)
        return [planes[:, :1] * luma, half * (chroma * _CHROMA_ENERGY**-0.5)]


def masking(luma: torch.Tensor) -> torch.Tensor:
    """Logarithm of `4 / (gradient + 4)` (8-bit units) per block: `[N, 1, H, W]` in 0..1 to `[N, 1, rows, cols]`.

    `gradient` is the mean magnitude of the gradient, as in `idse.importance.estimate.activity_map`.
    """
    padded = F.pad(luma, (1, 1, 1, 1), mode="replicate")
    across = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    gradient = 0.5 * (across.square() + down.square()).sqrt()
    mean = F.avg_pool2d(gradient, BLOCK, ceil_mode=True, count_include_pad=False)
    return -torch.log1p(mean / _MASKING_FLOOR)


def _enlarge(grid: torch.Tensor, factor: int, height: int, width: int) -> torch.Tensor:
    large = grid.repeat_interleave(factor, -2).repeat_interleave(factor, -1)
    return large[..., :height, :width]


def save_weights(
    path: Path,
    net: SensitivityNet,
    meta: dict[str, Any],
    contrast: float = 1.0,
    masking: float = 0.0,
    profiles: Mapping[str, NDArray[np.float32]] | None = None,
) -> None:
    """Write a weights file: the network's tensors in float16 and, as JSON, its shape, profiles and provenance.

    Args:
        path: The file.
        net: The network.
        meta: Provenance, JSON-serialisable.
        contrast: See `EmbeddedExtractor`.
        masking: See `EmbeddedExtractor`.
        profiles: The teachers' mean profiles `[3, 8, 8]` by target.
    """
    header = {
        "format": FORMAT,
        "targets": list(net.targets),
        "channels": list(net.channels),
        "width": net.width,
        "contrast": contrast,
        "masking": masking,
        "profiles": profiles_for_header(dict(profiles or {})),
        "training": meta,
    }
    arrays = {k: v.detach().cpu().numpy().astype(np.float16) for k, v in net.state_dict().items()}
    write_weights(path, header, arrays)


def load_embedded(device: torch.device | str = "cpu", weights: Path | str | None = None) -> EmbeddedExtractor:
    """Load the embedded extractor.

    Args:
        device: Where to compute.
        weights: A file that `scripts/train_embedded.py` wrote; by default the package's own.

    Raises:
        IdseError: The file does not exist, or is not such a file.
    """
    path = Path(weights) if weights is not None else WEIGHTS
    read = read_weights(path)
    header = read.header
    try:
        if not all(
            type(n) is int and 0 < n <= _MOST_CHANNELS for n in (*header["channels"], header["width"])
        ):
            raise ValueError("channels out of range")
        net = SensitivityNet(tuple(header["channels"]), header["width"], read.targets)
        state = {name: torch.from_numpy(value.astype(np.float32)) for name, value in read.arrays.items()}
        contrast, masking = float(header["contrast"]), float(header["masking"])
        usable = 0 < contrast < 10 and 0 <= masking < 10
        if not usable or not all(bool(torch.isfinite(value).all()) for value in state.values()):
            raise ValueError("values out of range")
        net.load_state_dict(state)
    except Exception:  # headers and states fail in many ways
        raise not_weights(path) from None
    description = {
        "kind": "embedded",
        "weights_sha256": read.sha256,
        "nodes": ["luma", "chroma"],
        "contrast": contrast,
        "masking": masking,
        "parameters": sum(math.prod(value.shape) for value in read.arrays.values()),
        "training": header.get("training", {}),
    }
    return EmbeddedExtractor(net, torch.device(device), description, contrast, masking, read.profiles)
