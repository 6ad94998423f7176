"""Task losses: what a detector loses by coding, as something that can be trained against."""

from __future__ import annotations

import torch

from idse.errors import IdseError
from idse.learned.tasks.base import Loss, Target, Task, TaskSettings

__all__ = ["Loss", "Target", "Task", "TaskSettings", "load_task"]


def load_task(settings: TaskSettings, device: torch.device) -> Task:
    """Load a task's detector; frozen until `Task.trainable`.

    Raises:
        IdseError: No such model or loss, missing or corrupt files, a missing package, or a loss that the model does not
            have.
    """
    if settings.loss not in ("features", "detections", "training"):
        raise IdseError(f"unknown loss '{settings.loss}': must be features, detections or training")
    if settings.model.lower().endswith(".onnx"):
        if settings.weights is not None:
            raise IdseError(f"{settings.model}: an ONNX file holds its weights; leave out weights")
        if settings.loss == "features":
            from idse.learned.tasks.distillation import OnnxFeatures

            return OnnxFeatures(settings, device)
        raise IdseError(f"{settings.model}: an ONNX file has no loss 'training'; take features or detections")
    raise IdseError(f"{settings.model}: no such task")
