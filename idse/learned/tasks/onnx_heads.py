"""The loss of the boxes and scores of ONNX detectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from idse.detectors.classes import COCO_CLASSES
from idse.features.heads import Candidates
from idse.features.layouts import choose_layout
from idse.features.onnx import OnnxExtractor
from idse.learned.tasks.base import Target, Task
from idse.learned.tasks.distillation import head_output_error
from idse.learned.tasks.student import OnnxStudent


class OnnxDetectionTask(Task):
    """Difference of the boxes and scores that an ONNX detector gives for decoded and original pictures."""

    full_precision = True

    def __init__(self, detector: OnnxExtractor, classes: int | None) -> None:
        """Convert the whole detector twice.

        Args:
            detector: The extractor of the detector.
            classes: Number of classes, if its outputs are ambiguous; None: the 80 of COCO.

        Raises:
            IdseError: The layout of its outputs is unknown, or an operator cannot be converted.
        """
        super().__init__(OnnxStudent(detector, detector.head_tensors), "detections")
        teacher = detector.network(detector.head_tensors)
        self._teacher = teacher.forward  # a function, not a module: so it is not part of the state
        self._preprocess = detector.preprocess
        size = detector.preprocess.size
        with torch.no_grad():
            shapes = [tuple(o.shape[1:]) for o in teacher(torch.zeros(1, 3, *size, device=detector.device))]
        expected = classes or len(COCO_CLASSES)
        wanted = detector.declared or "auto"
        self.layout, self.head = choose_layout(wanted, detector.graph, size, shapes, expected, detector.path)
        self.identity["layout"] = self.layout.name

    def compare(self, decoded: Tensor, original: Tensor, targets: Sequence[Target]) -> Tensor:
        """See `Task.compare`."""
        with torch.no_grad():
            wanted = self._teacher(self._preprocess(original))
        found = self.student(decoded)
        errors = [
            head_output_error(
                self.head_output([o[i] for o in found]),
                self.head_output([o[i] for o in wanted]),
                self.layout.score_threshold,
            )
            for i in range(len(decoded))
        ]
        return torch.stack(errors).mean()

    def head_output(self, outputs: Sequence[Tensor]) -> Candidates:
        """The outputs for one picture (without the batch) as boxes and scores."""
        return self.layout.decode(self.head, outputs)
