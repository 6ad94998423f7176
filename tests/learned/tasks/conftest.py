"""Pictures, and the small detectors of other rooms' tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

for room in ("features", "detectors"):
    sys.path.insert(0, str(Path(__file__).parents[2] / room))
torch.set_num_threads(1)


@pytest.fixture
def originals() -> torch.Tensor:
    """`[2, 3, 48, 64]`."""
    return torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def decoded(originals: torch.Tensor) -> torch.Tensor:
    """The same with noise; wants its gradient."""
    noise = torch.randn(originals.shape, generator=torch.Generator().manual_seed(1))
    return (originals + 0.2 * noise).clamp(0, 1).requires_grad_()
