"""A plugin of pytest that moves the last bits of what networks compute, as another processor or version would.

onnxruntime, oneDNN and PyTorch choose kernels by the processor; their sums differ in the last bits, and a test that
rests on these passes on one machine and fails on the next. With `-p last_bits` every output of an onnxruntime session
and every 2-D convolution of PyTorch is changed by up to one part in a million, the same for the same input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

AMOUNT = 1e-6
"""About eight units in the last place of float32."""


def pytest_configure(config: pytest.Config) -> None:
    import onnxruntime
    import torch

    run = onnxruntime.InferenceSession.run
    convolve = torch.nn.functional.conv2d

    def run_moved(self: Any, *given: Any, **named: Any) -> list[Any]:
        return [_moved(value) for value in run(self, *given, **named)]

    def convolve_moved(*given: Any, **named: Any) -> torch.Tensor:
        result = convolve(*given, **named)
        return result * torch.from_numpy(_factors(tuple(result.shape))).to(result)

    onnxruntime.InferenceSession.run = run_moved
    torch.nn.functional.conv2d = convolve_moved


def _moved(value: Any) -> Any:
    if not isinstance(value, np.ndarray) or value.dtype != np.float32:
        return value
    return value * _factors(value.shape).astype(np.float32)


def _factors(shape: tuple[int, ...]) -> np.ndarray:
    """Between 1 - AMOUNT and 1 + AMOUNT, decided by the place within one picture, so that batches do not matter."""
    rng = np.random.default_rng(0)
    return np.broadcast_to(1 + AMOUNT * rng.uniform(-1, 1, shape[1:]), shape).copy()
