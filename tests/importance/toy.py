"""A small smooth convolutional detector whose exact Jacobian can be had."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from idse.features.heads import Candidates, HeadOutputs, Heads
from idse.media.frame import Frame


class ToyExtractor:
    """Two feature levels of a random float64 network."""

    def __init__(self, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.name = "toy"
        self.device = torch.device("cpu")
        self.description: dict[str, Any] = {"kind": "toy", "weights_sha256": str(seed), "nodes": ["a", "b"]}
        self.first = torch.randn(6, 3, 3, 3, generator=generator, dtype=torch.float64)
        self.second = torch.randn(8, 6, 3, 3, generator=generator, dtype=torch.float64) * 0.3

    def features(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        a = torch.tanh(F.conv2d(rgb.to(torch.float64), self.first, stride=2, padding=1))
        b = torch.tanh(F.conv2d(a, self.second, stride=2, padding=1))
        return [a, b]


class ToyDetector(ToyExtractor):
    """The same network with a head: a score of each of two classes and a box for every place of the second level."""

    def heads(self, reference: torch.Tensor) -> Heads:
        return self.outputs

    def outputs(self, rgb: torch.Tensor) -> HeadOutputs:
        level = self.features(rgb)[1][0].flatten(1).T
        corner, size = level[:, 2:4] * 8 + 16, level[:, 4:6].exp() * 12
        return HeadOutputs((Candidates(torch.cat([corner, corner + size], 1), level[:, :2].sigmoid()),))


class NoGradientExtractor(ToyExtractor):
    def features(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        return [f.detach() for f in super().features(rgb)]


def random_frame(
    width: int = 16, height: int = 16, seed: int = 0, chroma: str = "420", bit_depth: int = 8, **fields: Any
) -> Frame:
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    peak = (1 << bit_depth) - 1
    shapes = [(height, width)]
    if chroma == "420":
        shapes += [((height + 1) // 2, (width + 1) // 2)] * 2
    planes = tuple(rng.integers(peak // 4, 3 * peak // 4, s).astype(dtype) for s in shapes)
    return Frame(planes, bit_depth, chroma, **fields)  # type: ignore[arg-type]
