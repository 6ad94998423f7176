"""The differentiable picture against `Frame.to_rgb` and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy import ToyExtractor, random_frame

from idse.importance.planes import planes_to_rgb, planes_to_tensors


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("full_range", [True, False])
@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("chroma,size", [("420", (20, 14)), ("420", (13, 9)), ("400", (12, 10))])
def test_same_conversion_as_frame(matrix, full_range, bit_depth, chroma, size):
    frame = random_frame(*size, chroma=chroma, bit_depth=bit_depth, matrix=matrix, full_range=full_range)
    rgb = planes_to_rgb(planes_to_tensors(frame, dtype=torch.float64), frame)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(np.clip(rgb, 0, 1), frame.to_rgb(as_float=True), atol=2e-6)


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_derivative_by_finite_differences(plane):
    """Through the chroma upsampling, the matrix and the features, in 8-bit units."""
    toy, frame = ToyExtractor(), random_frame(16, 12, bit_depth=10)
    planes = planes_to_tensors(frame, dtype=torch.float64)
    weights = [torch.randn(f.shape, dtype=torch.float64) for f in toy.features(planes_to_rgb(planes, frame))]

    def value(x):
        features = toy.features(planes_to_rgb(x, frame))
        return sum((f * w).sum() for f, w in zip(features, weights, strict=True))

    leaves = [p.clone().requires_grad_() for p in planes]
    gradient = torch.autograd.grad(value(leaves), leaves)[plane][0, 0]
    step = 1e-4
    for at in [(0, 0), (2, 3), (gradient.shape[0] - 1, gradient.shape[1] - 1), (5, 0)]:
        shifted = []
        for sign in (1, -1):
            moved = [p.clone() for p in planes]
            moved[plane][0, 0][at] += sign * step
            shifted.append(value(moved))
        numeric = (shifted[0] - shifted[1]) / (2 * step)
        assert float(gradient[at]) == pytest.approx(float(numeric), rel=1e-5, abs=1e-9)
