"""The loss of pictures and its parts, as one module that DistributedDataParallel can wrap."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from idse.learned.models import LatentCodec, Salience, pad
from idse.learned.tasks.base import Task
from idse.learned.training.schedule import LossWeights

Targets = list[dict[str, Tensor]]


class Objective(nn.Module):
    """L = w_rate R + w_mse MSE + w_task L_task.

    Args:
        codec: The codec.
        task: The task loss on the decoded pictures.
        salience: The backbone that gives the input of the codec's mask network.
    """

    def __init__(self, codec: LatentCodec, task: Task | None, salience: Salience | None) -> None:
        super().__init__()
        self.codec = codec
        self.task = task
        self.salience = salience

    def forward(
        self, pictures: Tensor, targets: Targets | None, weights: LossWeights, autocast: torch.dtype | None
    ) -> dict[str, Tensor]:
        """Compute the scalars "loss", "rate" (bits per luma sample), "mse" and "task".

        Args:
            pictures: `[N, 3, H, W]`, 0..1, not padded.
            targets: Targets, for tasks that need them.
            weights: Weights of this epoch; the task loss is computed only if its weight is above 0.
            autocast: Data type of mixed precision; likelihoods and losses are always float32.
        """
        kind = pictures.device.type
        with torch.autocast(kind, dtype=autocast, enabled=autocast is not None):
            coded = self.codec(pad(pictures, self.codec.stride), mask_of(self.codec, self.salience, pictures))
            height, width = pictures.shape[-2:]
            decoded = coded.x_hat[..., :height, :width]
        decoded = decoded.float()
        rate = coded.bits().mean() / (height * width)
        mse = (decoded - pictures).square().mean()
        task = torch.zeros((), device=pictures.device)
        if self.task is not None and weights.task > 0:
            with torch.autocast(kind, dtype=autocast, enabled=autocast is not None):
                task = self.task(decoded.clamp(0, 1), pictures, targets).float()
        total = weights.rate * rate + weights.mse * mse + weights.task * task
        return {"loss": total, "rate": rate, "mse": mse, "task": task}


def mask_of(codec: LatentCodec, salience: Any, pictures: Tensor) -> Tensor | None:
    """The mask alpha of pictures without padding; None for a codec without a mask network."""
    if codec.mask is None:
        return None
    features = salience(pictures, codec.latent_stride, codec.stride)
    alpha: Tensor = codec.mask(features)
    return alpha
