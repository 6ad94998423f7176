"""Detectors in ONNX files, run by onnxruntime.

On a CPU this is several times faster than a conversion to torch, and no gradient is needed here. Sessions use one
thread, so that results do not depend on the machine's load; sweeps process many pictures in parallel anyway. A file
`FILE.onnx.json` beside the model may declare what the file does not show (see `idse.features.onnx`): fields of
`Preprocess`, `nodes`, and what its outputs are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from idse.detectors.base import DetectorSettings, FloatArray, Observation, batches
from idse.detectors.classes import COCO_CLASSES, class_names
from idse.detectors.session import open_session, package_versions
from idse.errors import IdseError
from idse.features.layouts import LAYOUTS, choose_layout
from idse.features.named_outputs import SIDECAR_FIELDS, declared_layout, layout_identity
from idse.features.onnx_file import (
    first_line,
    fix_input_size,
    infer_shapes,
    picture_input,
    read_model,
    read_sidecar,
    sidecar_of,
)
from idse.features.onnx_graph import Graph
from idse.features.preprocess import Placement, Preprocess, preprocess_from_dict
from idse.metrics.detection import Detections

if TYPE_CHECKING:
    import onnx

_ROUNDING = 1e-3
"""By how much a sigmoid's rounding may leave 0..1: approximations differ between processors."""


class OnnxDetector:
    """A detector in an ONNX file; see `base.Detector`.

    Attributes:
        layout: The declared or recognised layout.
        head: What the shapes of the model's outputs show.
        preprocess: The input it expects.
        nodes: Names of its feature tensors; empty if none are known.
    """

    has_masks = False

    def __init__(self, settings: DetectorSettings) -> None:
        """Load a model.

        Raises:
            IdseError: As `load_detector`.
        """
        self.path = Path(settings.model)
        self.name = settings.name or self.path.stem
        self._batch = settings.batch
        if settings.weights is not None:
            raise IdseError(f"{self.path}: an ONNX file holds its weights; leave out weights")
        if settings.layout not in ("auto", *LAYOUTS):
            raise IdseError(f"unknown layout '{settings.layout}': must be auto, {', '.join(LAYOUTS)}")
        model, digest = read_model(self.path)
        sidecar = read_sidecar(self.path)
        self._input = picture_input(model, self.path)
        self._free_batch, size = _fix_size(model, self._input, sidecar.get("size"), self.path)
        graph = _graph(model, self._input, size, self.path)
        self.nodes = _feature_nodes(graph, sidecar.get("nodes"), self.path)
        declared = declared_layout(sidecar, graph, self.path)
        wanted = declared if declared is not None and settings.layout == "auto" else settings.layout
        outputs = [o.name for o in model.graph.output]
        self._outputs = list((not isinstance(wanted, str) and wanted.tensors) or outputs)
        needed = dict.fromkeys([*self._outputs, *self.nodes])
        further = [name for name in needed if name not in outputs]
        self._session, provider = open_session(model, further, settings.device, self.path)

        blank = np.zeros((1, 3, *size), dtype=np.float32)
        shapes = [output.shape[1:] for output in self._run(blank, self._outputs)]
        expected = len(settings.classes or COCO_CLASSES)
        self.layout, self.head = choose_layout(wanted, graph, size, shapes, expected, self.path)
        self.classes = class_names(settings.classes, self.head.classes, str(self.path))
        fields = {k: v for k, v in sidecar.items() if k not in SIDECAR_FIELDS}
        try:
            self.preprocess = preprocess_from_dict(fields, self.layout.preprocess(size))
        except IdseError as error:
            raise IdseError(f"{sidecar_of(self.path)}: {error}") from None
        self._threshold = _given(settings.score_threshold, self.layout.score_threshold)
        self._nms_iou = _given(settings.nms_iou, self.layout.nms_iou)
        self.identity: dict[str, Any] = {
            "kind": "onnx",
            "model": self.path.name,
            "weights_sha256": digest,
            **layout_identity(self.layout),
            "preprocess": {
                k: list(v) if isinstance(v, tuple) else v for k, v in self.preprocess.to_dict().items()
            },
            "nodes": self.nodes,
            "score_threshold": self._threshold,
            "nms_iou": self._nms_iou,
            "classes": list(self.classes),
            "device": provider,
            "packages": package_versions("onnxruntime", "torch", "torchvision"),
        }

    def observe(self, pictures: Sequence[FloatArray]) -> list[Observation]:
        """See `base.Detector.observe`."""
        if pictures and not self.nodes:
            raise IdseError(
                f"{self.path}: found no feature maps in its graph; name them: "
                f'{{"nodes": ["...", ...]}} in {sidecar_of(self.path)}'
            )
        return self._look(pictures, self.nodes)

    def detect(self, pictures: Sequence[FloatArray]) -> list[Detections]:
        """See `base.Detector.detect`."""
        return [o.detections for o in self._look(pictures, [])]

    def _look(self, pictures: Sequence[FloatArray], nodes: Sequence[str]) -> list[Observation]:
        names = list(dict.fromkeys([*self._outputs, *nodes]))
        seen: dict[int, Observation] = {}
        for group in batches(pictures, self._batch if self._free_batch else 1):
            height, width = pictures[group[0]].shape[:2]
            placement = self.preprocess.placement(width, height, exact_ratio=True)
            tensor = np.stack([letterbox(pictures[i], placement, self.preprocess) for i in group])
            results = self._run(tensor, names)
            for place, index in enumerate(group):
                values = {name: result[place] for name, result in zip(names, results, strict=True)}
                found = self._decode([values[name] for name in self._outputs])
                boxes = placement.to_picture(found.boxes, width, height)
                # Copied, because a view would keep the whole batch in memory.
                features = [values[node].copy() for node in nodes]
                seen[index] = Observation(features, Detections(boxes, found.scores, found.labels))
        return [seen[i] for i in range(len(pictures))]

    def _decode(self, outputs: list[FloatArray]) -> Detections:
        read = self.layout.decode(self.head, [torch.from_numpy(output) for output in outputs])
        boxes, scores = read.boxes.numpy(), read.scores.numpy()
        if not (scores.min() >= -_ROUNDING and scores.max() <= 1 + _ROUNDING):
            raise IdseError(
                f"{self.path}: scores outside 0..1: layout '{self.layout.name}' is not this model's, or it was "
                "exported without the sigmoid"
            )
        return suppress(boxes, scores.clip(0, 1), self._threshold, self._nms_iou)

    def _run(self, tensor: FloatArray, names: Sequence[str]) -> list[FloatArray]:
        try:
            return list(self._session.run(names, {self._input: tensor}))
        except Exception as error:  # onnxruntime raises its own C++ error types
            raise IdseError(f"{self.path}: the model fails on its input: {first_line(error)}") from None


def letterbox(rgb: FloatArray, placement: Placement, preprocess: Preprocess) -> FloatArray:
    """The input `[3, rows, columns]` made of a picture `[H, W, 3]`, RGB in 0..1.

    Resizing is bilinear without antialiasing, in float, as in the detectors' training (OpenCV). The extractors of
    `idse.features` differ: they low-pass filter strong reductions, so that every sample of the picture counts.
    """
    ordered = rgb[..., ::-1] if preprocess.order == "bgr" else rgb
    planes = torch.from_numpy(np.ascontiguousarray(ordered.transpose(2, 0, 1), dtype=np.float32))[None]
    size = (placement.height, placement.width)
    small = torch.nn.functional.interpolate(planes, size=size, mode="bilinear", align_corners=False)
    canvas = np.full((3, *preprocess.size), preprocess.pad * (preprocess.scale / 255), dtype=np.float32)
    rows = slice(placement.top, placement.top + placement.height)
    columns = slice(placement.left, placement.left + placement.width)
    canvas[:, rows, columns] = (small * preprocess.scale)[0].numpy()
    if any(preprocess.mean) or any(s != 1 for s in preprocess.std):
        mean = np.array(preprocess.mean, dtype=np.float32)[:, None, None]
        std = np.array(preprocess.std, dtype=np.float32)[:, None, None]
        canvas = (canvas - mean) / std
    return canvas


def suppress(boxes: FloatArray, scores: FloatArray, threshold: float, nms_iou: float) -> Detections:
    """Detections from boxes `[cells, 4]` and scores `[cells, classes]`: threshold, then NMS for each class."""
    from torchvision.ops import batched_nms

    cells, labels = np.nonzero(scores > threshold)
    kept_boxes, kept_scores = boxes[cells], scores[cells, labels]
    keep = batched_nms(
        torch.from_numpy(kept_boxes), torch.from_numpy(kept_scores), torch.from_numpy(labels), nms_iou
    ).numpy()
    return Detections(kept_boxes[keep], kept_scores[keep], labels[keep].astype(np.int64))


def _given(value: float | None, default: float) -> float:
    return default if value is None else float(value)


def _fix_size(model: onnx.ModelProto, name: str, declared: Any, path: Path) -> tuple[bool, tuple[int, int]]:
    """Make the input's height and width static; returns whether it takes any number of pictures, and the size."""
    dims = next(i for i in model.graph.input if i.name == name).type.tensor_type.shape.dim
    batch = dims[0].dim_value
    if batch > 1:
        raise IdseError(f"{path}: takes {batch} pictures at a time; export it for one, or for any number")
    size = fix_input_size(model, name, declared)
    if not batch:
        dims[0].dim_param = "batch"
    return not batch, size


def _graph(model: onnx.ModelProto, name: str, size: tuple[int, int], path: Path) -> Graph:
    """The structure of the graph for one picture."""
    import onnx

    single = onnx.ModelProto()
    single.CopyFrom(model)
    fix_input_size(single, name, None)
    del model.graph.value_info[:]
    return Graph(infer_shapes(single, path), name, size)


def _feature_nodes(graph: Graph, declared: Any, path: Path) -> list[str]:
    nodes = [str(node) for node in declared or graph.find_features()]
    unknown = [node for node in nodes if node not in graph.producer]
    if unknown:
        raise IdseError(f"{sidecar_of(path)}: no tensor '{unknown[0]}' of {path.name} depends on the picture")
    return nodes
