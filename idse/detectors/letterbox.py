"""Pictures into a detector's input of fixed size, and boxes back.

Resizing is bilinear without antialiasing, in float, as detectors are trained (OpenCV's). Extractors of features for
maps (`idse.features.preprocess`) differ: they low-pass filter strong reductions, so that no sample goes unseen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from idse.detectors.base import FloatArray
from idse.features.preprocess import Preprocess


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in the input: `input = picture * (scale_x, scale_y) + (left, top)`, in samples."""

    scale_x: float
    scale_y: float
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def fit(cls, width: int, height: int, preprocess: Preprocess) -> Placement:
        """The greatest size that keeps the picture's shape; for `stretch` the whole input."""
        rows, columns = preprocess.size
        if preprocess.fit == "stretch":
            return cls(columns / width, rows / height, 0, 0, columns, rows)
        scale = min(columns / width, rows / height)
        # Truncated, as YOLOX does.
        new_width, new_height = max(int(width * scale), 1), max(int(height * scale), 1)
        central = preprocess.fit == "center"
        left = (columns - new_width) // 2 if central else 0
        top = (rows - new_height) // 2 if central else 0
        return cls(scale, scale, left, top, new_width, new_height)

    def to_picture(self, boxes: FloatArray, width: int, height: int) -> FloatArray:
        """Boxes `[n, 4]` of the input as boxes of the picture, clipped to it."""
        offset = np.array([self.left, self.top] * 2, dtype=np.float32)
        scale = np.array([self.scale_x, self.scale_y] * 2, dtype=np.float32)
        limit = np.array([width, height] * 2, dtype=np.float32)
        return np.asarray(np.clip((boxes - offset) / scale, 0, limit), dtype=np.float32)


def letterbox(rgb: FloatArray, placement: Placement, preprocess: Preprocess) -> FloatArray:
    """The input `[3, rows, columns]` made of a picture `[H, W, 3]`, RGB in 0..1."""
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
