"""Outputs of an ONNX detector that the file beside it (`FILE.onnx.json`) declares: a known layout, or named tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from idse.errors import IdseError
from idse.features.heads import Candidates, full_precision
from idse.features.layouts import LAYOUTS, Head, Layout, Shape, corners
from idse.features.onnx_file import sidecar_of
from idse.features.onnx_graph import Graph
from idse.features.preprocess import Preprocess

SIDECAR_FIELDS = ("nodes", "size", "layout", "outputs")
"""Fields of the file beside a model that are not those of its preprocessing."""

_CHOICES = {
    "boxes_are": ("corners", "centre"),
    "units": ("samples", "relative"),
    "scores_are": ("probabilities", "logits", "softmax"),
    "background": ("none", "first", "last"),
}


@dataclass(frozen=True)
class NamedOutputs:
    """Scores and boxes in two tensors of the graph, with names; see `layouts.Layout`.

    The tensors are `[1, places, classes]` or `[1, classes, places]`, and `[1, places, 4]` or `[1, 4, places]`. They
    need not be outputs of the graph: if it does NMS itself, they are those that its NMS takes.

    Attributes:
        scores: Name of the tensor of scores.
        boxes: Name of the tensor of boxes.
        boxes_are: "corners": x0, y0, x1, y1; "centre": the centre, width and height.
        units: "samples" of the input; "relative" to its width and height.
        scores_are: "probabilities", "logits" before a sigmoid, or logits before a "softmax" over the classes.
        background: Whether the "first" or the "last" class is that of no object.
        score_threshold: Of what is reported.
        nms_iou: Of the NMS; 1: none, as for DETR.
    """

    scores: str
    boxes: str
    boxes_are: Literal["corners", "centre"] = "corners"
    units: Literal["samples", "relative"] = "samples"
    scores_are: Literal["probabilities", "logits", "softmax"] = "probabilities"
    background: Literal["none", "first", "last"] = "none"
    score_threshold: float = 0.01
    nms_iou: float = 0.65

    name = "named"
    outputs = "a tensor of scores and one of boxes"

    @property
    def tensors(self) -> tuple[str, ...]:
        """See `layouts.Layout.tensors`."""
        return self.scores, self.boxes

    def preprocess(self, size: tuple[int, int]) -> Preprocess:
        """RGB in 0..1, centred, padded with 114, unless the file beside the model declares another."""
        return Preprocess(size)

    def recognises(self, graph: Graph, head: Head) -> bool:
        """Never: it is declared."""
        return False

    def head(self, size: tuple[int, int], shapes: Sequence[Shape], classes: int) -> Head | None:
        """See `Layout.head`; the shapes are those of `tensors`."""
        turned = _turned(*shapes)
        if turned is None:
            return None
        count = shapes[0][0 if turned[0] else 1] - (self.background != "none")
        return Head(size, (), count) if count > 0 else None

    def decode(self, head: Head, outputs: Sequence[Tensor]) -> Candidates:
        """See `Layout.decode`."""
        scores, boxes = (full_precision(output) for output in outputs)
        turned = _turned(tuple(scores.shape), tuple(boxes.shape))
        assert turned is not None  # `head` was asked before
        scores, boxes = (x.T if turn else x for x, turn in zip((scores, boxes), turned, strict=True))
        if self.scores_are == "logits":
            scores = scores.sigmoid()
        elif self.scores_are == "softmax":
            scores = scores.softmax(1)
        if self.background != "none":
            scores = scores[:, 1:] if self.background == "first" else scores[:, :-1]
        if self.units == "relative":
            height, width = head.size
            boxes = boxes * torch.tensor([width, height] * 2, dtype=boxes.dtype, device=boxes.device)
        if self.boxes_are == "centre":
            boxes = corners(boxes[:, :2], boxes[:, 2:])
        return Candidates(boxes, scores)


def declared_layout(sidecar: Mapping[str, Any], graph: Graph, path: Path) -> Layout | None:
    """The layout that the file beside a model declares; None if it declares none.

    Args:
        sidecar: Content of the file.
        graph: The model's structure.
        path: Of the model.

    Raises:
        IdseError: An unknown field or value, or a tensor that does not exist.
    """
    beside = sidecar_of(path)
    layout, outputs = sidecar.get("layout"), sidecar.get("outputs")
    if layout is not None and outputs is not None:
        raise IdseError(f"{beside}: declare layout or outputs, not both")
    if layout is not None:
        if not isinstance(layout, str) or layout not in LAYOUTS:
            raise IdseError(f"{beside}: layout {layout!r}: must be one of {', '.join(LAYOUTS)}")
        return LAYOUTS[layout]
    if outputs is None:
        return None
    try:
        named = _named_outputs(outputs)
    except IdseError as error:
        raise IdseError(f"{beside}: {error}") from None
    missing = next((name for name in (named.scores, named.boxes) if name not in graph.producer), None)
    if missing is not None:
        raise IdseError(
            f"{beside}: outputs: no tensor '{missing}' of {path.name} depends on the picture; its outputs are "
            f"{', '.join(sorted(graph.outputs))}"
        )
    return named


def layout_identity(layout: Layout) -> dict[str, Any]:
    """What decides how a layout reads outputs, for provenance; JSON-serialisable."""
    return {"layout": layout.name} | (
        {"outputs": dataclasses.asdict(layout)} if isinstance(layout, NamedOutputs) else {}
    )


def _named_outputs(values: Any) -> NamedOutputs:
    known = ["scores", "boxes", *_CHOICES, "score_threshold", "nms_iou"]
    if not isinstance(values, dict):
        raise IdseError(f"outputs: must be an object with {', '.join(known)}")
    for name in values:
        if name not in known:
            raise IdseError(f"outputs: field '{name}' is unknown; known are {', '.join(known)}")
    for name in ("scores", "boxes"):
        if not isinstance(values.get(name), str):
            raise IdseError(f"outputs: {name} must be the name of a tensor")
    if values["scores"] == values["boxes"]:
        raise IdseError(f"outputs: scores and boxes are both {values['boxes']!r}; name two tensors")
    for name, choices in _CHOICES.items():
        if values.get(name, choices[0]) not in choices:
            raise IdseError(f"outputs: {name} {values[name]!r}: must be one of {', '.join(choices)}")
    for name in ("score_threshold", "nms_iou"):
        value = values.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise IdseError(f"outputs: {name} {value!r}: must be 0..1")
    return NamedOutputs(**values)


def _turned(scores: Shape, boxes: Shape) -> tuple[bool, bool] | None:
    """Whether the places of scores and of boxes are their last axis; None if the shapes do not fit each other."""
    if len(scores) != 2 or len(boxes) != 2:
        return None
    for turn_boxes in (False, True):
        places, sides = boxes[::-1] if turn_boxes else boxes
        for turn_scores in (False, True):
            if sides == 4 and scores[1 if turn_scores else 0] == places:
                return turn_scores, turn_boxes
    return None
