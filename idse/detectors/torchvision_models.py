"""torchvision's detection models by name, with torchvision's weights or a state dict of the same model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from idse.detectors.base import DetectorSettings, FloatArray, Observation, batches
from idse.detectors.classes import COCO_CLASSES, class_names, real_classes
from idse.detectors.session import package_versions
from idse.errors import IdseError
from idse.features.loading import pick_device
from idse.features.torchvision_loading import load_model
from idse.features.torchvision_models import pyramid_levels
from idse.metrics.detection import Detections, Rle

_MASK_THRESHOLD = 0.5


class TorchvisionDetector:
    """A torchvision model; see `base.Detector`.

    Resizing and normalisation are the model's own. The features are the outputs of the backbone that `idse.features`
    uses, from the same forward pass: the levels of the pyramid without those pooled from the coarsest.
    """

    def __init__(self, settings: DetectorSettings) -> None:
        """Build a model and load its weights.

        Raises:
            IdseError: As `load_detector`.
        """
        model_name = settings.model
        if settings.layout != "auto":
            raise IdseError(f"{model_name}: layout '{settings.layout}' is for ONNX files; leave it out")
        loaded = load_model(model_name, settings.weights)
        model = loaded.model
        self.name = settings.name or model_name
        self.device = pick_device(settings.device)
        self._batch = settings.batch
        self.classes, self._table = class_table(settings, loaded.categories, loaded.count, loaded.background)
        # Faster and Mask R-CNN do NMS in their second stage, the others at the end.
        last: Any = getattr(model, "roi_heads", model)
        if settings.score_threshold is not None:
            last.score_thresh = settings.score_threshold
        if settings.nms_iou is not None:
            last.nms_thresh = settings.nms_iou
        self.has_masks = bool(getattr(last, "has_mask", bool)())
        self._model: Any = model.eval().requires_grad_(False).to(self.device)
        self._levels: list[torch.Tensor] = []
        self._model.backbone.register_forward_hook(self._keep_levels)
        self.identity: dict[str, Any] = {
            "kind": "torchvision",
            "model": model_name,
            "weights": loaded.source,
            "weights_sha256": loaded.digest,
            "score_threshold": last.score_thresh,
            "nms_iou": last.nms_thresh,
            "classes": list(self.classes),
            "device": self.device.type,
            "packages": package_versions("torch", "torchvision"),
        }

    def observe(self, pictures: Sequence[FloatArray]) -> list[Observation]:
        """See `base.Detector.observe`."""
        return self._look(pictures, with_features=True)

    def detect(self, pictures: Sequence[FloatArray]) -> list[Detections]:
        """See `base.Detector.detect`."""
        return [o.detections for o in self._look(pictures, with_features=False)]

    def _look(self, pictures: Sequence[FloatArray], with_features: bool) -> list[Observation]:
        seen: dict[int, Observation] = {}
        for group in batches(pictures, self._batch):
            found = self._run([pictures[i] for i in group])
            levels = [level.cpu().numpy() for level in self._levels] if with_features else []
            self._levels = []
            for place, index in enumerate(group):
                features = [level[place].copy() for level in levels]
                seen[index] = Observation(features, self._detections(found[place]))
        return [seen[i] for i in range(len(pictures))]

    def _run(self, pictures: Sequence[FloatArray]) -> list[dict[str, torch.Tensor]]:
        planes = [np.ascontiguousarray(p.transpose(2, 0, 1), dtype=np.float32) for p in pictures]
        try:
            with torch.inference_mode(), _exact():
                return list(self._model([torch.from_numpy(p).to(self.device) for p in planes]))
        except torch.OutOfMemoryError:
            raise IdseError(
                f"{self.name}: {len(pictures)} pictures at a time need more memory than {self.device} has; "
                "lower batch, or use device cpu"
            ) from None

    def _keep_levels(self, module: Any, inputs: Any, out: Any) -> None:
        self._levels = pyramid_levels(out)

    def _detections(self, found: dict[str, torch.Tensor]) -> Detections:
        labels = self._table[found["labels"].cpu().numpy()]
        named = np.flatnonzero(labels >= 0)
        boxes, scores = (found[key].cpu().numpy().astype(np.float32) for key in ("boxes", "scores"))
        masks = None
        if self.has_masks:
            pasted = (found["masks"][:, 0] > _MASK_THRESHOLD).cpu().numpy()
            masks = run_lengths(pasted[named])
        return Detections(boxes[named], scores[named], labels[named], masks)


def run_lengths(masks: npt.NDArray[np.bool_]) -> tuple[Rle, ...]:
    """`[n, H, W]` masks as COCO's run lengths.

    Raises:
        IdseError: faster-coco-eval is not installed.
    """
    if not len(masks):
        return ()
    try:
        from faster_coco_eval.core import mask
    except ImportError:
        raise IdseError(
            "faster_coco_eval is not installed: masks need pip install 'idse[evaluate]'"
        ) from None
    return tuple(mask.encode(np.asfortranarray(masks.transpose(1, 2, 0), dtype=np.uint8)))


def class_table(
    settings: DetectorSettings, categories: Sequence[str], count: int, background: bool
) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Names of a model's classes, and a table from its labels to indices of classes (-1: no object).

    Args:
        settings: Its `classes` are used if given.
        categories: Of torchvision's own weights; some are not objects.
        count: Number of labels of the model.
        background: Whether label 0 is the background; else it may be a class (RetinaNet, FCOS).

    Raises:
        IdseError: The number of given names is not that of the model's classes, or none are given and the model
            does not have COCO's classes.
    """
    own = len(categories) == count
    readings = [real_classes(categories)] if own else []
    if settings.weights is not None:
        readings += [list(range(1, count))] if background else [list(range(1, count)), list(range(count))]
    if own and not settings.classes:
        labels, names = readings[0], tuple(categories[i] for i in readings[0])
    else:
        wanted = len(settings.classes or COCO_CLASSES)
        labels = next((r for r in readings if len(r) == wanted), readings[0])
        names = class_names(settings.classes, len(labels), settings.model)
    table = np.full(count, -1, dtype=np.int64)
    table[labels] = np.arange(len(labels))
    return names, table


@contextmanager
def _exact() -> Iterator[None]:
    """On CUDA: full precision and deterministic algorithms."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
