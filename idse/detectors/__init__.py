"""Detectors that report boxes and masks, with one protocol (`base.Detector`).

This package does not depend on codecs. Importing it imports neither torch nor onnxruntime; loading a detector does.
"""

from idse.detectors.base import Detector, DetectorSettings, Observation
from idse.detectors.classes import COCO_CLASSES
from idse.detectors.loading import load_by_name, load_detector

__all__ = [
    "COCO_CLASSES",
    "Detector",
    "DetectorSettings",
    "Observation",
    "load_by_name",
    "load_detector",
]
