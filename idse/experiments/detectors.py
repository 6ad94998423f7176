"""The two ONNX detectors of the development data as measuring instruments.

Inference runs in onnxruntime with one thread (3 to 5 times faster than onnx2torch on a CPU, and no gradient
is needed here). Pre- and post-processing follow the detectors' own repositories:

- YOLOX-nano: BGR 0..255, resized by min(416/H, 416/W), placed top left, padded with 114; score = objectness
  times class score, threshold 0.01, class-wise NMS at IoU 0.65.
- NanoDet-m: the same resizing, placed centrally, padded with 0 before normalising; distances are expectations
  of 8-bin distributions; threshold 0.05, class-wise NMS at IoU 0.6.

Resizing is bilinear without antialiasing, in float, as both detectors were trained.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from idse.errors import IdseError
from idse.metrics.detection import Detections

FloatArray = npt.NDArray[np.float32]

INPUT_SIDE = 416
STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in the detector's square input: `input = picture * scale + (left, top)`."""

    scale: float
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def fit(cls, width: int, height: int, central: bool) -> Placement:
        """The greatest size that keeps the picture's shape."""
        scale = min(INPUT_SIDE / width, INPUT_SIDE / height)
        # Truncated, as YOLOX does.
        new_width, new_height = max(int(width * scale), 1), max(int(height * scale), 1)
        left = (INPUT_SIDE - new_width) // 2 if central else 0
        top = (INPUT_SIDE - new_height) // 2 if central else 0
        return cls(scale, left, top, new_width, new_height)

    def to_picture(self, boxes: FloatArray, width: int, height: int) -> FloatArray:
        """Boxes of the input as boxes of the picture, clipped to it."""
        offset = np.array([self.left, self.top] * 2, dtype=np.float32)
        limit = np.array([width, height] * 2, dtype=np.float32)
        return np.asarray(np.clip((boxes - offset) / np.float32(self.scale), 0, limit), dtype=np.float32)


def letterbox(rgb: FloatArray, placement: Placement, padding: float) -> FloatArray:
    """`[1, 3, 416, 416]` BGR in 0..255 of a picture `[H, W, 3]` in 0..1."""
    import torch

    bgr = torch.from_numpy(np.ascontiguousarray(rgb[..., ::-1].transpose(2, 0, 1), dtype=np.float32))[None]
    size = (placement.height, placement.width)
    small = torch.nn.functional.interpolate(bgr, size=size, mode="bilinear", align_corners=False) * 255.0
    canvas = np.full((1, 3, INPUT_SIDE, INPUT_SIDE), padding, dtype=np.float32)
    rows = slice(placement.top, placement.top + placement.height)
    columns = slice(placement.left, placement.left + placement.width)
    canvas[:, :, rows, columns] = small.numpy()
    return canvas


def cell_grid() -> tuple[FloatArray, FloatArray]:
    """`[cells, 2]` column and row of every output cell, and `[cells, 1]` its stride, row-major."""
    positions, strides = [], []
    for stride in STRIDES:
        side = INPUT_SIDE // stride
        rows, columns = np.mgrid[0:side, 0:side]
        positions.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((side * side, 1), stride))
    return np.concatenate(positions).astype(np.float32), np.concatenate(strides).astype(np.float32)


def suppress(boxes: FloatArray, scores: FloatArray, threshold: float, nms_iou: float) -> Detections:
    """Detections of `[cells, 4]` boxes and `[cells, classes]` scores: threshold, then NMS class by class."""
    import torch
    from torchvision.ops import batched_nms

    cells, labels = np.nonzero(scores > threshold)
    kept_boxes, kept_scores = boxes[cells], scores[cells, labels]
    keep = batched_nms(
        torch.from_numpy(kept_boxes), torch.from_numpy(kept_scores), torch.from_numpy(labels), nms_iou
    ).numpy()
    return Detections(kept_boxes[keep], kept_scores[keep], labels[keep].astype(np.int64))


def decode_yolox(output: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Boxes and class scores of YOLOX's `[cells, 85]`: centre and size, objectness, 80 class scores."""
    grid, stride = cell_grid()
    centre = (output[:, :2] + grid) * stride
    half = np.exp(output[:, 2:4]) * stride / 2
    return np.concatenate([centre - half, centre + half], axis=1), output[:, 4:5] * output[:, 5:]


def decode_nanodet(scores: FloatArray, distributions: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Boxes and class scores of NanoDet's `[cells, 80]` and `[cells, 4 * 8]` (left, top, right, bottom)."""
    grid, stride = cell_grid()
    logits = distributions.reshape(len(distributions), 4, 8)
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    distance = (weights @ np.arange(8, dtype=np.float32)) * stride
    centre = (grid + np.float32(0.5)) * stride - np.float32(0.5)
    return np.concatenate([centre - distance[:, :2], centre + distance[:, 2:]], axis=1), scores


@dataclass(frozen=True)
class Observation:
    """What a detector makes of a picture."""

    features: list[FloatArray]
    detections: Detections


class Detector(Protocol):
    """A measuring instrument: features and detections of a picture."""

    name: str
    sha256: str

    def observe(self, rgb: FloatArray) -> Observation:
        """Look at a picture `[H, W, 3]`, RGB in 0..1."""
        ...


class YoloxNano:
    """YOLOX-nano (`yolox_nano.onnx`)."""

    name = "yolox_nano"
    features = ("input.471", "input.531", "input.591")

    def __init__(self, path: Path) -> None:
        self._session, self.sha256 = _session(path, self.features)

    def observe(self, rgb: FloatArray) -> Observation:
        """See `Detector.observe`."""
        height, width = rgb.shape[:2]
        placement = Placement.fit(width, height, central=False)
        output, *features = _run(self._session, letterbox(rgb, placement, 114.0))
        boxes, scores = decode_yolox(output[0])
        found = suppress(boxes, scores, 0.01, 0.65)
        return Observation(
            features, Detections(placement.to_picture(found.boxes, width, height), found.scores, found.labels)
        )


class NanoDet:
    """NanoDet-m (`nanodet_m.onnx`)."""

    name = "nanodet_m"
    features = ("733", "753", "773")
    mean = np.array([103.53, 116.28, 123.675], dtype=np.float32)[:, None, None]
    std = np.array([57.375, 57.12, 58.395], dtype=np.float32)[:, None, None]

    def __init__(self, path: Path) -> None:
        self._session, self.sha256 = _session(path, self.features)

    def observe(self, rgb: FloatArray) -> Observation:
        """See `Detector.observe`."""
        height, width = rgb.shape[:2]
        placement = Placement.fit(width, height, central=True)
        outputs = _run(self._session, (letterbox(rgb, placement, 0.0) - self.mean) / self.std)
        scores = np.concatenate([o[0] for o in outputs[:3]])
        distributions = np.concatenate([o[0] for o in outputs[3:6]])
        found = suppress(*decode_nanodet(scores, distributions), 0.05, 0.6)
        return Observation(
            outputs[6:],
            Detections(placement.to_picture(found.boxes, width, height), found.scores, found.labels),
        )


def load_detectors(folder: Path) -> list[Detector]:
    """YOLOX-nano and NanoDet from a folder with `yolox_nano.onnx` and `nanodet_m.onnx`."""
    return [YoloxNano(folder / "yolox_nano.onnx"), NanoDet(folder / "nanodet_m.onnx")]


def _session(path: Path, features: tuple[str, ...]) -> tuple[Any, str]:
    """An inference session with the feature tensors as further outputs, and the file's SHA-256."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise IdseError(f"{error.name} is not installed: measuring needs pip install 'idse[dev]'") from None
    if not path.is_file():
        raise IdseError(f"no detector {path}")
    data = path.read_bytes()
    model = onnx.load_model_from_string(data)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in features)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session, hashlib.sha256(data).hexdigest()


def _run(session: Any, tensor: FloatArray) -> list[FloatArray]:
    return list(session.run(None, {session.get_inputs()[0].name: tensor}))
