"""Loading detectors: `load_detector` from settings, `load_by_name` from a name or a file."""

from __future__ import annotations

from pathlib import Path

from idse.detectors.base import Detector, DetectorSettings
from idse.errors import IdseError


def load_detector(settings: DetectorSettings, *, cache: Path | None = None) -> Detector:
    """Load a detector.

    Args:
        settings: Which detector, and how it is used.
        cache: Folder in which its detections are cached for other runs; by default they are not cached.

    Raises:
        IdseError: The model is unknown, a file is missing or corrupt, the classes or the layout do not fit, a setting
            is out of range, or a package or the device is missing.
    """
    _check(settings)
    detector = _load(settings)
    if cache is None:
        return detector
    from idse.detectors.cache import CachedDetector

    return CachedDetector(detector, cache)


def load_by_name(model: str, weights: Path | None = None, device: str = "auto") -> Detector:
    """Load a detector with its own thresholds and COCO's classes.

    Raises:
        IdseError: As `load_detector`.
    """
    return load_detector(DetectorSettings(model=model, weights=weights, device=device))


def _check(settings: DetectorSettings) -> None:
    for name in ("score_threshold", "nms_iou"):
        value = getattr(settings, name)
        if value is not None and not 0 <= value <= 1:
            raise IdseError(f"detector {settings.model}: {name} is {value}, but must be 0 to 1")
    if settings.batch < 1:
        raise IdseError(f"detector {settings.model}: batch is {settings.batch}, but must be 1 or more")


def _load(settings: DetectorSettings) -> Detector:
    try:
        if settings.model.lower().endswith(".onnx"):
            from idse.detectors.onnx import OnnxDetector

            return OnnxDetector(settings)
        from idse.detectors.torchvision_models import TorchvisionDetector

        return TorchvisionDetector(settings)
    except ImportError as error:
        raise IdseError(
            f"a package that detectors need is missing ({error}): pip install 'idse[evaluate]'"
        ) from None
