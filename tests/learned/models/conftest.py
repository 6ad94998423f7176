"""Small codecs of every system, trained for a moment so that their priors fit their latents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

SMALL = {
    "scale-hyperprior": {"channels": 16, "latent": 24},
    "icm": {"channels": 16, "latent": 6},
    "joint-autoregressive": {"channels": 16, "latent": 24},
}


STEPS = 100


@pytest.fixture(scope="session")
def picture(photograph: np.ndarray) -> Any:
    """`[1, 3, 256, 384]`, RGB 0..1, of a photograph."""
    import torch

    return torch.from_numpy(photograph[:256, :384].copy()).permute(2, 0, 1)[None].float() / 255


@pytest.fixture(scope="session")
def trained(picture: Any) -> Callable[[str], Any]:
    """Gives the codec of a system, in evaluation mode and with tables; made once."""
    import torch

    from idse.learned.models import ModelSettings, build_codec

    made: dict[str, Any] = {}

    @torch.enable_grad()  # the test that asks first may have gradients off
    def make(system: str) -> Any:
        if system not in made:
            state = torch.random.get_rng_state()
            torch.manual_seed(0)
            codec = build_codec(ModelSettings(system, **SMALL[system]))  # type: ignore[arg-type]
            codec.latent_gain.requires_grad_(False)  # as in a baseline
            optimizer = torch.optim.Adam([p for p in codec.parameters() if p.requires_grad], 2e-3)
            at = torch.randint(0, 32, (STEPS, 4, 2))
            for step in range(STEPS):
                for group in optimizer.param_groups:
                    group["lr"] = 2e-3 * 0.05 ** (step / STEPS)
                crops = torch.cat(
                    [picture[..., 6 * i : 6 * i + 64, 10 * j : 10 * j + 64] for i, j in at[step]]
                )
                coded = codec(crops)
                rate = coded.bits().mean() / crops[0, 0].numel()
                loss = 3000 * torch.mean((coded.x_hat - crops) ** 2) + rate
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(codec.parameters(), 1.0)
                optimizer.step()
            codec.eval()
            codec.tables()
            torch.random.set_rng_state(state)
            made[system] = codec
        return made[system]

    return make
