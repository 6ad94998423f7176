"""Task losses: differentiable measures of how much coding degrades a detector's results."""

from __future__ import annotations

import torch

from idse.errors import IdseError
from idse.learned.tasks.base import Loss, Target, Task, TaskSettings

__all__ = ["Loss", "Target", "Task", "TaskSettings", "load_task"]


def load_task(settings: TaskSettings, device: torch.device) -> Task:
    """Load a task's detector; its weights are frozen until `Task.trainable` is called.

    Raises:
        IdseError: The model or the loss is unknown, a file or a package is missing, a file is damaged, or the model
            does not support the loss.
    """
    if settings.loss not in ("features", "detections", "training"):
        raise IdseError(f"loss '{settings.loss}': must be features, detections or training")
    return (_onnx if settings.model.lower().endswith(".onnx") else _torchvision)(settings, device)


def _onnx(settings: TaskSettings, device: torch.device) -> Task:
    if settings.weights is not None:
        raise IdseError(f"{settings.model}: an ONNX file contains its weights; leave out weights")
    if settings.loss == "training":
        raise IdseError(f"{settings.model}: an ONNX file has no loss 'training'; use features or detections")
    from idse.features.onnx import OnnxExtractor

    detector = OnnxExtractor(settings.model, device=device)
    if settings.loss == "detections":
        from idse.learned.tasks.onnx_heads import OnnxDetectionTask

        return OnnxDetectionTask(detector, settings.classes)
    from idse.learned.tasks.distillation import FeatureTask
    from idse.learned.tasks.student import OnnxStudent

    return FeatureTask(OnnxStudent(detector, detector.nodes), detector.features)


def _torchvision(settings: TaskSettings, device: torch.device) -> Task:
    from idse.features.torchvision_loading import load_model
    from idse.learned.tasks.student import TorchvisionStudent

    loaded = load_model(settings.model, settings.weights)
    if settings.classes not in (None, loaded.count):
        raise IdseError(
            f"{settings.model}: its weights are for {loaded.count} labels (with the background), not "
            f"{settings.classes}: correct classes, or leave it out"
        )
    student = TorchvisionStudent(settings.model, loaded, device)
    if settings.loss == "training":
        from idse.learned.tasks.detector_loss import DetectorLossTask

        return DetectorLossTask(student, loaded, settings.weights)
    if settings.loss == "detections":
        from idse.learned.tasks.torchvision_heads import TorchvisionDetectionTask

        return TorchvisionDetectionTask(student)
    import copy

    from idse.learned.tasks.distillation import FeatureTask

    return FeatureTask(student, copy.deepcopy(student).forward)
