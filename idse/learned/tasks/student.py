"""Detectors as networks that can be trained, and saved in the format that they were loaded from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from idse.errors import IdseError
from idse.features.onnx import OnnxExtractor
from idse.features.torchvision_loading import LoadedModel
from idse.features.torchvision_models import pyramid_levels
from idse.learned.tasks.onnx_weights import tie_weights, write_weights
from idse.media.files import replacing


class Student(nn.Module):
    """A detector for decoded pictures; at first it is frozen and in evaluation mode.

    Attributes:
        suffix: Suffix of the file that `save` writes.
        description: Values for JSON that determine its outputs.
    """

    suffix: str
    description: dict[str, Any]

    @abstractmethod
    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Compute some of its tensors for `[N, 3, H, W]` RGB in 0..1."""

    @abstractmethod
    def trainable(self, on: bool) -> None:
        """See `Task.trainable`."""

    @abstractmethod
    def save(self, path: Path) -> None:
        """See `Task.save`."""


class OnnxStudent(Student):
    """The part of an ONNX detector that computes some of its tensors.

    Attributes:
        network: The converted part.
    """

    suffix = ".onnx"

    def __init__(self, detector: OnnxExtractor, outputs: Sequence[str]) -> None:
        """Convert the part; it shares no weights with `detector`.

        Raises:
            IdseError: An operator cannot be converted.
        """
        super().__init__()
        self.network = detector.network(outputs)
        self.description = {**detector.description, "model": detector.path.name}
        self._preprocess = detector.preprocess
        self._path = detector.path
        self._weights = tie_weights(self.network)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """See `Student.forward`."""
        out: list[Tensor] = self.network(self._preprocess(rgb))
        return out

    def trainable(self, on: bool) -> None:
        """See `Student.trainable`; constants that are not weights of a node do not change."""
        if on and not self._weights:
            raise IdseError(f"{self._path}: has no weights that can be trained")
        for weight in self._weights.values():
            weight.parameter.requires_grad_(on)

    def save(self, path: Path) -> None:
        """See `Student.save`; all but the weights is copied from the original file."""
        write_weights(self._path, self.description["weights_sha256"], self._weights, path)


class TorchvisionStudent(Student):
    """A torchvision detector; its `forward` gives the levels of its pyramid.

    Attributes:
        model: The whole model.
    """

    suffix = ".pth"

    def __init__(self, name: str, loaded: LoadedModel, device: torch.device) -> None:
        super().__init__()
        self.model: Any = loaded.model.eval().requires_grad_(False).to(device)
        self.description = {
            "kind": "torchvision",
            "model": name,
            "weights": loaded.source,
            "weights_sha256": loaded.digest,
        }
        self._name, self._count = name, loaded.count

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """See `Student.forward`."""
        images, _ = self.model.transform(list(rgb))
        return pyramid_levels(self.model.backbone(images.tensors))

    def trainable(self, on: bool) -> None:
        """See `Student.trainable`: all parameters, but not the statistics of batch normalisation."""
        self.model.requires_grad_(on)

    def save(self, path: Path) -> None:
        """See `Student.save`: a state dict of the whole model."""
        from torchvision.models import get_model

        with torch.device("meta"):
            reader = get_model(self._name, weights=None, weights_backbone=None, num_classes=self._count)
        with replacing(path) as temporary:
            torch.save(portable_state(self.model, reader), temporary)


def portable_state(model: nn.Module, reader: nn.Module) -> dict[str, Tensor]:
    """The state dict with which `reader` gives the same outputs as `model`.

    For some of its default weights torchvision changes the epsilon of batch normalisation. The difference is added to
    the variances, which has the same effect.
    """
    state = {key: value.detach().cpu().clone() for key, value in model.state_dict().items()}
    readers, wanted = dict(reader.named_modules()), set(reader.state_dict())
    for name, module in model.named_modules():
        if hasattr(module, "running_var") and hasattr(module, "eps"):
            difference = cast(float, module.eps) - cast(float, readers[name].eps)
            if difference:
                state[f"{name}.running_var"] += difference
            # Frozen batch normalisation has no batch counter, but the normal one needs it.
            if f"{name}.num_batches_tracked" in wanted:
                state.setdefault(f"{name}.num_batches_tracked", torch.tensor(0))
    return state
