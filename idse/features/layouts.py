"""Layouts of ONNX detectors: the input that a family of detectors expects, and the meaning of its output tensors.

Decoding is differentiable, so detectors, weight maps and training losses all read outputs in the same way.

A layout has no fixed sizes: input size, strides, number of classes and bins are read from the shapes of the model. To
add a layout, write a class with the members of `Layout` and put an instance into `LAYOUTS`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from idse.errors import IdseError
from idse.features.heads import Candidates, full_precision
from idse.features.onnx_file import sidecar_of
from idse.features.onnx_graph import Graph
from idse.features.preprocess import Preprocess

Shape = tuple[int, ...]
_STRIDES = (4, 8, 16, 32, 64, 128)
_MAX_LOG_SIZE = 20.0  # larger than any picture, but its exponential is finite


@dataclass(frozen=True)
class Head:
    """What the shapes of a model's outputs show.

    Attributes:
        size: Height and width of the input.
        strides: Of the levels, in the order of their cells.
        classes: Number of classes.
        bins: Number of bins of a distance's distribution (NanoDet), else 0.
        swapped: NanoDet: the distributions of a level come before its scores.
    """

    size: tuple[int, int]
    strides: tuple[int, ...]
    classes: int
    bins: int = 0
    swapped: bool = False


class Layout(Protocol):
    """Input and output format of a family of detectors."""

    @property
    def name(self) -> str:
        """Its name in settings."""
        ...

    @property
    def outputs(self) -> str:
        """Description of its output tensors, for messages."""
        ...

    @property
    def score_threshold(self) -> float:
        """Default of the family."""
        ...

    @property
    def nms_iou(self) -> float:
        """Default of the family."""
        ...

    @property
    def tensors(self) -> tuple[str, ...] | None:
        """Names of the tensors that it reads; None: the outputs of the model."""
        ...

    def preprocess(self, size: tuple[int, int]) -> Preprocess:
        """The input that the family expects, with this height and width."""
        ...

    def recognises(self, graph: Graph, head: Head) -> bool:
        """Whether a model whose outputs fit belongs to this family; for `auto`."""
        ...

    def head(self, size: tuple[int, int], shapes: Sequence[Shape], classes: int) -> Head | None:
        """Read the shapes of the outputs, without the batch; None if they do not have this layout.

        Args:
            size: Height and width of the input.
            shapes: Shapes of the outputs, in the order of `tensors`.
            classes: Expected number of classes; used if the shapes are ambiguous.
        """
        ...

    def decode(self, head: Head, outputs: Sequence[Tensor]) -> Candidates:
        """Boxes and scores of every cell, from the outputs for one picture without the batch."""
        ...


def cell_grid(head: Head, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """`[cells, 2]` column and row of every output cell, and `[cells, 1]` its stride, row-major."""
    positions, strides = [], []
    for stride in head.strides:
        height, width = (-(-side // stride) for side in head.size)
        rows, columns = torch.meshgrid(
            torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
        )
        positions.append(torch.stack([columns.flatten(), rows.flatten()], 1))
        strides.append(torch.full((height * width, 1), stride, device=device))
    return torch.cat(positions).float(), torch.cat(strides).float()


class Yolox:
    """YOLOX as exported by its `export_onnx.py`: one output `[cells, 5 + classes]` for strides 8, 16, 32 (and 64).

    A cell holds centre and logarithm of the size relative to cell and stride, objectness, and class scores. The sigmoid
    is already applied to the last two; the score is the objectness times the class score.
    """

    name = "yolox"
    outputs = "one output [cells, 5 + classes]: centre, log of size, objectness, class scores"
    score_threshold = 0.01
    nms_iou = 0.65
    tensors = None

    def preprocess(self, size: tuple[int, int]) -> Preprocess:
        """BGR in 0..255, placed at the top left, padded with 114."""
        return Preprocess(size, order="bgr", fit="top_left", pad=114.0, scale=255.0)

    def recognises(self, graph: Graph, head: Head) -> bool:
        """Recognised by its stem, its heads, and a graph without an exponential."""
        return graph.is_yolox() and not _has_exponential(graph)

    def head(self, size: tuple[int, int], shapes: Sequence[Shape], classes: int) -> Head | None:
        """See `Layout.head`."""
        if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][1] < 6:
            return None
        strides = _strides_together(size, shapes[0][0])
        return None if strides is None else Head(size, strides, shapes[0][1] - 5)

    def decode(self, head: Head, outputs: Sequence[Tensor]) -> Candidates:
        """See `Layout.decode`."""
        output = full_precision(outputs[0])
        grid, stride = cell_grid(head, output.device)
        centre = (output[:, :2] + grid) * stride
        size = output[:, 2:4].clamp(max=_MAX_LOG_SIZE).exp() * stride
        return Candidates(corners(centre, size), output[:, 4:5] * output[:, 5:])


class YoloxDecoded(Yolox):
    """YOLOX exported with `--decode_in_inference`: centre and size already in samples of the input."""

    name = "yolox_decoded"
    outputs = "one output [cells, 5 + classes]: centre and size in samples, objectness, class scores"

    def recognises(self, graph: Graph, head: Head) -> bool:
        """Recognised by its stem, its heads and their exponential."""
        return graph.is_yolox() and _has_exponential(graph)

    def decode(self, head: Head, outputs: Sequence[Tensor]) -> Candidates:
        """See `Layout.decode`."""
        output = full_precision(outputs[0])
        return Candidates(corners(output[:, :2], output[:, 2:4]), output[:, 4:5] * output[:, 5:])


class NanoDet:
    """NanoDet: for each level scores `[cells, classes]` and distributions `[cells, 4 * bins]`, finest level first.

    A distance (left, top, right, bottom, in strides) is the expectation of the softmax over its bins. The sigmoid is
    already applied to the scores.
    """

    name = "nanodet"
    outputs = "per level scores [cells, classes] and distributions [cells, 4 * bins]"
    score_threshold = 0.05
    nms_iou = 0.6
    tensors = None

    def preprocess(self, size: tuple[int, int]) -> Preprocess:
        """BGR, centred, padded with 0 before normalisation."""
        mean, std = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
        return Preprocess(size, order="bgr", fit="center", pad=0.0, scale=255.0, mean=mean, std=std)

    def recognises(self, graph: Graph, head: Head) -> bool:
        """Recognised by its outputs."""
        return graph.is_nanodet()

    def head(self, size: tuple[int, int], shapes: Sequence[Shape], classes: int) -> Head | None:
        """See `Layout.head`."""
        levels: dict[int, list[int]] = {}
        for shape in shapes:
            if len(shape) != 2:
                return None
            levels.setdefault(shape[0], []).append(shape[1])
        pairs = {tuple(channels) for channels in levels.values()}
        strides = tuple(_stride(size, cells) for cells in levels)
        if len(pairs) != 1 or 0 in strides or len(next(iter(pairs))) != 2:
            return None
        first, second = next(iter(pairs))
        readings = [(first, second, False), (second, first, True)]
        possible = [(c, d // 4, s) for c, d, s in readings if d % 4 == 0 and d >= 8]
        if not possible:
            return None
        # Scores come first in NanoDet's exports; if both orders are possible, the number of classes decides.
        count, bins, swapped = next((p for p in possible if p[0] == classes), possible[0])
        return Head(size, strides, count, bins, swapped)

    def decode(self, head: Head, outputs: Sequence[Tensor]) -> Candidates:
        """See `Layout.decode`."""
        pairs = [[full_precision(o) for o in outputs if len(o) == _cells(head.size, s)] for s in head.strides]
        scores, logits = (torch.cat([pair[i] for pair in pairs]) for i in (head.swapped, not head.swapped))
        grid, stride = cell_grid(head, scores.device)
        bins = torch.arange(head.bins, dtype=scores.dtype, device=scores.device)
        distance = (logits.unflatten(1, (4, head.bins)).softmax(2) @ bins) * stride
        centre = (grid + 0.5) * stride - 0.5
        return Candidates(torch.cat([centre - distance[:, :2], centre + distance[:, 2:]], 1), scores)


class Yolov8:
    """Ultralytics' exports since YOLOv8: one output `[4 + classes, cells]`: centre and size in samples, scores."""

    name = "yolov8"
    outputs = "one output [4 + classes, cells]: centre and size in samples, class scores"
    score_threshold = 0.001
    nms_iou = 0.7
    tensors = None

    def preprocess(self, size: tuple[int, int]) -> Preprocess:
        """RGB in 0..1, centred, padded with 114."""
        return Preprocess(size, order="rgb", fit="center", pad=114.0, scale=1.0)

    def recognises(self, graph: Graph, head: Head) -> bool:
        """No other layout has such outputs."""
        return True

    def head(self, size: tuple[int, int], shapes: Sequence[Shape], classes: int) -> Head | None:
        """See `Layout.head`."""
        if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][0] < 5:
            return None
        strides = _strides_together(size, shapes[0][1])
        return None if strides is None else Head(size, strides, shapes[0][0] - 4)

    def decode(self, head: Head, outputs: Sequence[Tensor]) -> Candidates:
        """See `Layout.decode`."""
        cells = full_precision(outputs[0]).T
        return Candidates(corners(cells[:, :2], cells[:, 2:4]), cells[:, 4:])


LAYOUTS: dict[str, Layout] = {
    layout.name: layout for layout in (Yolox(), YoloxDecoded(), NanoDet(), Yolov8())
}
"""All layouts, by name."""


def choose_layout(
    wanted: str | Layout, graph: Graph, size: tuple[int, int], shapes: Sequence[Shape], classes: int, path: Path
) -> tuple[Layout, Head]:
    """The wanted layout or, for `auto`, the recognised one, and how it reads the outputs.

    Args:
        wanted: A layout, its name in `LAYOUTS`, or `auto`.
        graph: The model's structure.
        size: Height and width of its input.
        shapes: Shapes of the tensors that the layout reads, without the batch.
        classes: Expected number of classes.
        path: Of the model, for messages.

    Raises:
        IdseError: The outputs have no known layout, or not the wanted one.
    """
    outputs = ", ".join(str(list(shape)) for shape in shapes)
    if wanted == "auto":
        heads = {layout.name: layout.head(size, shapes, classes) for layout in LAYOUTS.values()}
        for name, head in heads.items():
            if head is not None and LAYOUTS[name].recognises(graph, head):
                return LAYOUTS[name], head
        known = "; ".join(f"{layout.name}: {layout.outputs}" for layout in LAYOUTS.values())
        raise IdseError(
            f"{path}: outputs {outputs} have no known layout; declare layout or outputs in {sidecar_of(path)} "
            f"(layouts: {known})"
        )
    layout = LAYOUTS[wanted] if isinstance(wanted, str) else wanted
    read = layout.head(size, shapes, classes)
    if read is None and layout.tensors is not None:
        raise IdseError(
            f"{sidecar_of(path)}: outputs: {' and '.join(layout.tensors)} are {outputs}, but must be scores "
            "[places, classes] and boxes [places, 4], or transposed"
        )
    if read is None:
        raise IdseError(
            f"{path}: outputs {outputs} for an input of {list(size)} are not those of layout '{layout.name}' "
            f"({layout.outputs})"
        )
    return layout, read


def corners(centre: Tensor, size: Tensor) -> Tensor:
    """Boxes `[n, 4]` x0, y0, x1, y1 with these centres and sizes `[n, 2]`."""
    return torch.cat([centre - size / 2, centre + size / 2], 1)


def _cells(size: tuple[int, int], stride: int) -> int:
    return math.prod(-(-side // stride) for side in size)


def _stride(size: tuple[int, int], cells: int) -> int:
    """The stride of a level with this number of cells; 0 if there is none."""
    return next((s for s in _STRIDES if _cells(size, s) == cells), 0)


def _strides_together(size: tuple[int, int], cells: int) -> tuple[int, ...] | None:
    """Neighbouring strides whose levels have this number of cells in total."""
    runs = [_STRIDES[i:j] for i in range(len(_STRIDES)) for j in range(i + 2, len(_STRIDES) + 1)]
    return next((run for run in runs if sum(_cells(size, s) for s in run) == cells), None)


def _has_exponential(graph: Graph) -> bool:
    return any(node.op == "Exp" for node in graph.nodes)
