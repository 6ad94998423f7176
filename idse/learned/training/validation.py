"""Metrics of a codec on the held-out pictures: whole pictures, one at a time, with rounding as in real streams."""

from __future__ import annotations

import contextlib
import copy
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from idse.detectors import Detector, DetectorSettings, load_detector
from idse.learned.models import LatentCodec, Salience, pad
from idse.learned.tasks.base import Task, TaskSettings
from idse.learned.training.data import Sample
from idse.learned.training.objective import mask_of
from idse.metrics.detection import Detections, Truth, align, pseudo_truth
from idse.metrics.psnr import psnr_from_sse


@dataclass(frozen=True)
class Figures:
    """Means over the pictures; NaN: not measured.

    Attributes:
        bpp: Bits per luma sample.
        mse: MSE of RGB in 0..1, rounded to 8 bits.
        psnr: Mean of the pictures' RGB PSNRs in dB.
        task_loss: The task loss.
        ap: AP of the detector against its detections on the uncompressed pictures, 0..1.
        map: mAP of the detector against annotations, 0..1.
    """

    bpp: float
    mse: float
    psnr: float
    task_loss: float = math.nan
    ap: float = math.nan
    map: float = math.nan

    def known(self) -> dict[str, float]:
        """The metrics that were measured, by name."""
        return {name: value for name, value in asdict(self).items() if not math.isnan(value)}


class DetectorEvaluator:
    """Measures the average precision of a detector on decoded pictures.

    Args:
        settings: The task's detector, as it was before training.
        samples: The held-out pictures.
        classes: Names of the classes in their annotations, in the order of the labels.
        annotated: Compare with annotations ("map") instead of the detections on uncompressed pictures ("ap").
        device: Device of the detector.
    """

    def __init__(
        self,
        settings: TaskSettings,
        samples: Sequence[Sample],
        classes: Sequence[str],
        annotated: bool,
        device: str = "auto",
    ) -> None:
        self.annotated = annotated
        self._settings = DetectorSettings(settings.model, weights=settings.weights, device=device)
        self._detector = load_detector(self._settings)
        self._classes = tuple(classes) if annotated else self._detector.classes
        self._truths: list[Truth] = []
        for sample in samples:
            if not annotated:
                found = self._detector.detect([sample.picture.astype(np.float32) / np.float32(255)])[0]
                self._truths.append(pseudo_truth(found))
            else:
                assert sample.truth is not None
                self._truths.append(sample.truth)

    def detector(self, task: Task | None) -> Detector:
        """The detector with a task's current weights; None: with the weights that it was loaded with."""
        if task is None:
            return self._detector
        with tempfile.TemporaryDirectory(prefix="idse-") as folder:
            path = Path(folder) / f"task{task.suffix}"
            task.save(path)
            if path.suffix == ".onnx":
                return load_detector(replace(self._settings, model=str(path)))
            return load_detector(replace(self._settings, weights=path))

    def precision(self, found: Sequence[Detections], names: Sequence[str]) -> float:
        """AP of detections: pooled over classes, or with annotations COCO's mAP.

        Args:
            found: Detections of every sample, in the order of the samples.
            names: The detector's classes.
        """
        from idse.metrics.average_precision import PrecisionCurves
        from idse.metrics.matching import match

        matches = [
            match(align(one, names, self._classes), truth, len(self._classes))
            for one, truth in zip(found, self._truths, strict=True)
        ]
        curves = PrecisionCurves(matches, len(self._classes))
        return curves.mean() if self.annotated else curves.pooled()


def validate(
    codec: LatentCodec,
    task: Task | None,
    salience: Salience | None,
    samples: Sequence[Sample],
    evaluator: DetectorEvaluator | None = None,
    exact: bool = False,
) -> Figures:
    """Code whole pictures and measure the result; weights, modes and random state of the training do not change.

    Args:
        codec: The codec, in any mode, on any device.
        task: The task whose loss is measured; None: no task loss.
        salience: The backbone of a codec with a mask network.
        samples: The pictures, with targets if the task needs them.
        evaluator: Measures `ap` or `map` too, with the weights of `task` if that is being trained.
        exact: Measure the rate of real strings, coded on the CPU, instead of the likelihoods' estimate.

    Raises:
        IdseError: A model fails on the pictures.
    """
    device = next(codec.parameters()).device
    detector, found = None, []
    if evaluator is not None:
        trained = task is not None and any(p.requires_grad for p in task.parameters())
        detector = evaluator.detector(task if trained else None)
    rows = []
    with torch.no_grad(), _evaluating(codec, task):
        if exact:
            codec = copy.deepcopy(codec).cpu()
            codec.tables()
        else:
            codec.find_medians()
        for sample in samples:
            picture = _tensor(sample.picture).to(device)
            decoded, bits = _code(codec, salience, picture, exact)
            decoded = decoded.to(device).clamp(0, 1).mul(255).add(0.5).floor().div(255)
            height, width = sample.picture.shape[:2]
            mse = float((decoded - picture).double().square().mean())
            loss = math.nan
            if task is not None:
                target = (
                    None if sample.target is None else [{k: v.to(device) for k, v in sample.target.items()}]
                )
                loss = float(task(decoded, picture, target))
            rows.append((bits / (height * width), mse, psnr_from_sse(mse, 1, 1.0), loss))
            if detector is not None:
                array = decoded[0].permute(1, 2, 0).cpu().numpy()
                found.append(detector.detect([np.ascontiguousarray(array, dtype=np.float32)])[0])
    bpp, mse, psnr, loss = (float(value) for value in np.mean(np.array(rows, dtype=np.float64), axis=0))
    ap = math.nan if evaluator is None or detector is None else evaluator.precision(found, detector.classes)
    annotated = evaluator is not None and evaluator.annotated
    return Figures(bpp, mse, psnr, loss, math.nan if annotated else ap, ap if annotated else math.nan)


def _code(
    codec: LatentCodec, salience: Salience | None, picture: Tensor, exact: bool
) -> tuple[Tensor, float]:
    """The decoded picture, not clamped, and its number of bits."""
    height, width = picture.shape[-2:]
    padded = pad(picture, codec.stride)
    if exact:
        padded, alpha = padded.cpu(), None
        if codec.mask is not None and salience is not None:  # the backbone stays on its device
            alpha = codec.mask(salience(picture, codec.latent_stride, codec.stride).cpu())
        coded = codec.compress(padded, alpha)
        x_hat, bits = codec.synthesize(coded.y_hat), 8.0 * sum(map(len, coded.strings))
    else:
        result = codec(padded, mask_of(codec, salience, picture))
        x_hat, bits = result.x_hat, float(result.bits()[0])
    return x_hat[..., :height, :width], bits


@contextlib.contextmanager
def _evaluating(*modules: nn.Module | None) -> Iterator[None]:
    """Set modules to evaluation mode, and restore the mode of each of their parts afterwards."""
    modes = [(part, part.training) for module in modules if module is not None for part in module.modules()]
    for module in modules:
        if module is not None:
            module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _tensor(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float().div_(255)[None]
