"""The one protocol every detector follows, and what a user can say about one."""

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
    """What a detector makes of a picture.

    Attributes:
        features: The maps its heads see, `[C, h, w]` each, finest level first.
        detections: In the picture's own samples, at most the detector's own number of them.
    """

    features: list[FloatArray]
    detections: Detections


@dataclass(frozen=True)
class DetectorSettings:
    """Which detector, and how it is used.

    Attributes:
        model: Name of a torchvision detection model (`maskrcnn_resnet50_fpn`, ...) or an ONNX file (`FILE.onnx`).
        name: In tables; by default the model's name or the file's, without its ending.
        layout: How an ONNX model takes pictures and gives boxes (a name in `layouts.LAYOUTS`); `auto` tells from
            the graph.
        weights: State dict of a whole torchvision model; by default torchvision's own weights.
        score_threshold: Detections below are not reported; by default the model's own.
        nms_iou: Of two boxes of a class that overlap by more only the better is reported; by default the model's own.
        device: "cpu", "cuda", "cuda:1", ... or "auto": CUDA where there is one.
        batch: Pictures of one size that are computed together, where the model can.
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
    """A measuring instrument: features and detections of pictures."""

    name: str
    """In tables."""

    classes: tuple[str, ...]
    """Names of what it tells apart; labels of detections are indices into it."""

    identity: dict[str, Any]
    """All that decides its figures, JSON-serialisable: at least `kind` and `weights_sha256`."""

    has_masks: bool
    """Whether its detections carry masks."""

    def observe(self, pictures: Sequence[FloatArray]) -> list[Observation]:
        """Look at pictures `[H, W, 3]`, RGB in 0..1, of any sizes.

        Raises:
            IdseError: The model fails on them, or nothing is known of its features.
        """
        ...

    def detect(self, pictures: Sequence[FloatArray]) -> list[Detections]:
        """The same without features."""
        ...


def batches(pictures: Sequence[FloatArray], size: int) -> Iterator[list[int]]:
    """Indices of pictures of equal shape, at most `size` together."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for index, picture in enumerate(pictures):
        if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
            raise ValueError(f"a picture of shape {picture.shape} is not [H, W, 3]")
        alike.setdefault(picture.shape, []).append(index)
    for group in alike.values():
        for start in range(0, len(group), size):
            yield group[start : start + size]
