"""The protocol of all detectors, and their settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from idse.metrics.detection import Detections

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Observation:
    """The output of a detector for a picture.

    Attributes:
        features: The input maps of its heads, `[C, h, w]` each, finest level first.
        detections: In samples of the picture; at most as many as the detector reports.
    """

    features: list[FloatArray]
    detections: Detections


@dataclass(frozen=True)
class DetectorSettings:
    """Which detector is used, and how.

    Attributes:
        model: Name of a torchvision detection model (`maskrcnn_resnet50_fpn`, ...) or an ONNX file (`FILE.onnx`).
        name: Its name in tables; by default the model's name, or the file's name without suffix.
        layout: Input and output format of an ONNX model (a name in `layouts.LAYOUTS`); `auto` recognises it in
            the graph.
        weights: State dict of a whole torchvision model; by default torchvision's own weights.
        score_threshold: Detections with a lower score are not reported; by default the model's own threshold.
        nms_iou: If two boxes of a class overlap by more, only the better one is reported; by default the model's own.
        device: "cpu", "cuda", "cuda:1", ... or "auto": CUDA if there is a device.
        batch: Number of pictures of one size that are computed together, if the model supports it.
        classes: Names of the model's classes; by default COCO's 80.
    """

    model: str
    name: str = ""
    layout: str = "auto"
    weights: Path | None = None
    score_threshold: float | None = None
    nms_iou: float | None = None
    device: str = "auto"
    batch: int = 1
    classes: tuple[str, ...] = ()


@runtime_checkable
class Detector(Protocol):
    """Computes features and detections of pictures."""

    name: str
    """Its name in tables."""

    classes: tuple[str, ...]
    """Names of the classes it distinguishes; labels of detections are indices into this tuple."""

    identity: dict[str, Any]
    """Everything that affects its results, JSON-serialisable; at least `kind` and `weights_sha256`."""

    has_masks: bool
    """Whether its detections carry masks."""

    def observe(self, pictures: Sequence[FloatArray]) -> list[Observation]:
        """Features and detections of pictures `[H, W, 3]`, RGB in 0..1, of any sizes.

        Raises:
            IdseError: The model fails on them, or its feature tensors are unknown.
        """
        ...

    def detect(self, pictures: Sequence[FloatArray]) -> list[Detections]:
        """The detections only."""
        ...


def batches(pictures: Sequence[FloatArray], size: int) -> Iterator[list[int]]:
    """Indices of pictures of equal shape, in groups of at most `size`."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for index, picture in enumerate(pictures):
        if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
            raise ValueError(f"a picture of shape {picture.shape} is not [H, W, 3]")
        alike.setdefault(picture.shape, []).append(index)
    for group in alike.values():
        for start in range(0, len(group), size):
            yield group[start : start + size]
