"""Differentiable decoding of the outputs of ONNX detectors: `idse.detectors.layouts` for torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from idse.detectors.classes import COCO_CLASSES
from idse.detectors.layouts import Head, Layout, cell_grid
from idse.detectors.onnx import choose_layout
from idse.features.onnx import OnnxExtractor
from idse.learned.tasks.base import Target, Task
from idse.learned.tasks.distillation import HeadOutput, head_output_error
from idse.learned.tasks.student import OnnxStudent

_MAX_LOG_SIZE = 20.0  # as in the layouts: larger than any picture, but exp of it is finite


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
        super().__init__(OnnxStudent(detector, detector.outputs), "detections")
        teacher = detector.network(detector.outputs)
        self._teacher = teacher.forward  # a function, not a module: so it is not part of the state
        self._preprocess = detector.preprocess
        size = detector.preprocess.size
        with torch.no_grad():
            shapes = [tuple(o.shape[1:]) for o in teacher(torch.zeros(1, 3, *size, device=detector.device))]
        expected = classes or len(COCO_CLASSES)
        self.layout, self.head = choose_layout("auto", detector.graph, size, shapes, expected, detector.path)
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

    def head_output(self, outputs: Sequence[Tensor]) -> HeadOutput:
        """The outputs for one picture (without the batch) as boxes and scores."""
        return decode(self.layout, self.head, outputs)


def decode(layout: Layout, head: Head, outputs: Sequence[Tensor]) -> HeadOutput:
    """`Layout.decode` for tensors, with gradients.

    Args:
        layout: A known layout.
        head: Parameters of the layout for this model.
        outputs: Outputs for one picture, without the batch dimension.
    """
    return _DECODERS[layout.name](head, [output.float() for output in outputs])


def _yolox(head: Head, outputs: Sequence[Tensor]) -> HeadOutput:
    output = outputs[0]
    grid, stride = _grid(head, output)
    centre = (output[:, :2] + grid) * stride
    size = output[:, 2:4].clamp(max=_MAX_LOG_SIZE).exp() * stride
    return HeadOutput(_corners(centre, size), output[:, 4:5] * output[:, 5:])


def _yolox_decoded(head: Head, outputs: Sequence[Tensor]) -> HeadOutput:
    output = outputs[0]
    return HeadOutput(_corners(output[:, :2], output[:, 2:4]), output[:, 4:5] * output[:, 5:])


def _nanodet(head: Head, outputs: Sequence[Tensor]) -> HeadOutput:
    levels: dict[int, list[Tensor]] = {}
    for output in outputs:
        levels.setdefault(len(output), []).append(output)
    scores, logits = (
        torch.cat([pair[i] for pair in levels.values()]) for i in (head.swapped, not head.swapped)
    )
    grid, stride = _grid(head, scores)
    bins = torch.arange(head.bins, dtype=scores.dtype, device=scores.device)
    distance = (logits.unflatten(1, (4, head.bins)).softmax(2) @ bins) * stride
    centre = (grid + 0.5) * stride - 0.5
    return HeadOutput(torch.cat([centre - distance[:, :2], centre + distance[:, 2:]], 1), scores)


def _yolov8(head: Head, outputs: Sequence[Tensor]) -> HeadOutput:
    cells = outputs[0].T
    return HeadOutput(_corners(cells[:, :2], cells[:, 2:4]), cells[:, 4:])


_DECODERS: dict[str, Callable[[Head, Sequence[Tensor]], HeadOutput]] = {
    "yolox": _yolox,
    "yolox_decoded": _yolox_decoded,
    "nanodet": _nanodet,
    "yolov8": _yolov8,
}


def _grid(head: Head, like: Tensor) -> tuple[Tensor, Tensor]:
    grid, stride = (torch.from_numpy(part).to(like.device) for part in cell_grid(head))
    return grid, stride


def _corners(centre: Tensor, size: Tensor) -> Tensor:
    return torch.cat([centre - size / 2, centre + size / 2], 1)
