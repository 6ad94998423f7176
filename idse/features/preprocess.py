"""Turning an RGB picture into the input a detector was trained with: channel order, size, padding, normalisation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from idse.errors import IdseError

Fit = Literal["top_left", "center", "stretch"]


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in a detector's input: `input = picture * (scale_x, scale_y) + (left, top)`.

    Positions are measured from the edges of samples, not from their centres.

    Attributes:
        width: Of the resized picture, in samples of the input.
        height: Of the resized picture, in samples of the input.
        scale_x: Samples of the input for each sample of the picture.
        scale_y: The same, vertically.
        left: Padding to the left of the resized picture.
        top: Padding above it.
    """

    width: int
    height: int
    scale_x: float
    scale_y: float
    left: int = 0
    top: int = 0

    def to_picture(self, boxes: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
        """Boxes `[n, 4]` of the input as boxes of the picture of `width` x `height`, clipped to it."""
        offset = np.array([self.left, self.top] * 2, dtype=np.float32)
        scale = np.array([self.scale_x, self.scale_y] * 2, dtype=np.float32)
        limit = np.array([width, height] * 2, dtype=np.float32)
        return np.asarray(np.clip((boxes - offset) / scale, 0, limit), dtype=np.float32)


@dataclass(frozen=True)
class Preprocess:
    """The input that a detector expects.

    Attributes:
        size: Height and width of the detector's input.
        order: Channel order.
        fit: Letterbox at the top left or in the centre, which keeps the aspect ratio; or stretch.
        pad: Value of the padding before normalisation, 0..255.
        scale: Value of white in the input: 255 or 1.
        mean: For each channel in `order`, in units of `scale`; it is subtracted.
        std: The same; the difference is divided by it.
    """

    size: tuple[int, int]
    order: Literal["rgb", "bgr"] = "rgb"
    fit: Fit = "center"
    pad: float = 114.0
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def placement(self, width: int, height: int, *, exact_ratio: bool = False) -> Placement:
        """Where a picture of `width` x `height` lies in the input.

        Args:
            width: Of the picture, in samples.
            height: Of the picture, in samples.
            exact_ratio: How YOLOX computes boxes: the scale is the ratio of the sides, and the size of the resized
                picture is truncated without any tolerance for rounding errors. Otherwise the scale is that of the
                resized picture, which features need.
        """
        rows, cols = self.size
        if self.fit == "stretch":
            return Placement(cols, rows, cols / width, rows / height)
        ratio = min(rows / height, cols / width)
        tolerance = 0.0 if exact_ratio else 1e-6
        new_w = max(1, min(cols, int(width * ratio + tolerance)))
        new_h = max(1, min(rows, int(height * ratio + tolerance)))
        centred = self.fit == "center"
        left, top = ((cols - new_w) // 2, (rows - new_h) // 2) if centred else (0, 0)
        if exact_ratio:
            return Placement(new_w, new_h, ratio, ratio, left, top)
        return Placement(new_w, new_h, new_w / width, new_h / height, left, top)

    def __call__(self, rgb: torch.Tensor) -> torch.Tensor:
        """Prepare `[N, 3, H, W]` RGB in 0..1; differentiable (affine).

        Resizing is bilinear, as in the detectors' own preprocessing (OpenCV). Pictures reduced by more than 2 are also
        low-pass filtered: samples that contribute to no output pixel would get no importance.
        """
        height, width = rgb.shape[-2:]
        g = self.placement(width, height)
        x = rgb.flip(1) if self.order == "bgr" else rgb
        if (g.height, g.width) != (height, width):
            small = g.scale_x < 0.5 or g.scale_y < 0.5
            x = F.interpolate(x, (g.height, g.width), mode="bilinear", align_corners=False, antialias=small)
        rows, cols = self.size
        padding = (g.left, cols - g.width - g.left, g.top, rows - g.height - g.top)
        if any(padding):
            x = F.pad(x, padding, value=self.pad / 255.0)
        if self.scale != 1.0:
            x = x * self.scale
        if any(self.mean) or any(s != 1.0 for s in self.std):
            mean = torch.tensor(self.mean, dtype=x.dtype, device=x.device).view(1, 3, 1, 1)
            std = torch.tensor(self.std, dtype=x.dtype, device=x.device).view(1, 3, 1, 1)
            x = (x - mean) / std
        return x

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary, for provenance."""
        return asdict(self)


def preprocess_from_dict(values: dict[str, Any], default: Preprocess) -> Preprocess:
    """Replace fields of `default` by those of a sidecar file.

    Raises:
        IdseError: An unknown field, or a value of the wrong kind.
    """
    fields = default.to_dict()
    for key, value in values.items():
        if key not in fields:
            raise IdseError(f"field '{key}' is unknown; known are nodes, layout, outputs, {', '.join(fields)}")
        fields[key] = value
    try:
        for key, length in (("size", 2), ("mean", 3), ("std", 3)):
            numbers = [fields[key]] * length if isinstance(fields[key], (int, float)) else list(fields[key])
            if len(numbers) != length:
                raise ValueError(f"{key} must have {length} values")
            fields[key] = tuple(int(v) if key == "size" else float(v) for v in numbers)
        fields["pad"], fields["scale"] = float(fields["pad"]), float(fields["scale"])
        if fields["order"] not in ("rgb", "bgr"):
            raise ValueError("order must be rgb or bgr")
        if fields["fit"] not in ("top_left", "center", "stretch"):
            raise ValueError("fit must be top_left, center or stretch")
        if min(fields["size"]) < 1 or min(fields["std"]) <= 0 or fields["scale"] <= 0:
            raise ValueError("size, std and scale must be above 0")
    except (TypeError, ValueError) as error:
        raise IdseError(str(error)) from None
    return Preprocess(**fields)
