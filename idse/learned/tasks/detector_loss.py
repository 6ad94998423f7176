"""A torchvision detector's own training loss, on decoded pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from idse.detectors.base import DetectorSettings
from idse.detectors.torchvision_models import class_table
from idse.errors import IdseError
from idse.features.torchvision_loading import LoadedModel
from idse.learned.tasks.base import Target, Task
from idse.learned.tasks.student import TorchvisionStudent


class DetectorLossTask(Task):
    """The sum of the losses that the model computes in training, against the annotations.

    Only the modules that compute losses are in training mode: batch normalisation, dropout and the input size are as in
    inference. Anchors and proposals are sampled with torch's random numbers.
    """

    needs_targets = True

    def __init__(self, student: TorchvisionStudent, loaded: LoadedModel, weights: Path | None) -> None:
        """Use a model's loss.

        Args:
            student: The model.
            loaded: The loaded model with its classes.
            weights: File of its weights; None: torchvision's default weights.

        Raises:
            IdseError: Its loss needs keypoints, which the data sets do not have.
        """
        super().__init__(student, "training")
        heads = getattr(student.model, "roi_heads", None)
        if heads is not None and heads.has_keypoint():
            raise IdseError(
                f"{self.identity['model']}: its training loss needs keypoints; use loss features or detections"
            )
        self.needs_masks = heads is not None and bool(heads.has_mask())
        self._loaded, self._weights = loaded, weights

    def compare(self, decoded: Tensor, original: Tensor, targets: Sequence[Target]) -> Tensor:
        """See `Task.compare`."""
        if len(targets) != len(decoded):
            raise IdseError(f"{len(decoded)} pictures, but targets for {len(targets)}")
        model: Any = self.student.model
        with _reporting_losses(model):
            losses = model(list(decoded), [dict(target) for target in targets])
        total: Tensor = sum(losses.values())
        return total

    def labels_of(self, classes: Sequence[str]) -> list[int]:
        """See `Task.labels_of`: by name if the names of the model's classes are known, else by order."""
        loaded, model = self._loaded, self.identity["model"]
        named = len(loaded.categories) == loaded.count
        settings = DetectorSettings(model, weights=self._weights, classes=() if named else tuple(classes))
        names, table = class_table(settings, loaded.categories, loaded.count, loaded.background)
        labels = {names[table[label]].lower(): int(label) for label in np.flatnonzero(table >= 0)}
        unknown = [name for name in classes if name.lower() not in labels]
        if unknown:
            raise IdseError(
                f"{model} has no class '{unknown[0]}' of the data set: filter its annotations, or give weights "
                "trained on its classes"
            )
        return [labels[name.lower()] for name in classes]


@contextmanager
def _reporting_losses(model: Any) -> Iterator[None]:
    """Set the modules that compute losses to training mode, but not their submodules."""
    parts = [model, *(getattr(model, name) for name in ("rpn", "roi_heads") if hasattr(model, name))]
    for part in parts:
        part.training = True
    try:
        yield
    finally:
        for part in parts:
            part.training = False
