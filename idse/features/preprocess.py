"""From a plain RGB picture to what a detector was trained on: channel order, fitting, padding, normalisation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F

from idse.errors import IdseError

Fit = Literal["top_left", "center", "stretch"]


class Geometry(NamedTuple):
    """Where a picture lies in the detector's input: `x_in = x * scale_x + left` for edges of pixels."""

    width: int
    height: int
    scale_x: float
    scale_y: float
    left: int
    top: int


@dataclass(frozen=True)
class Preprocess:
    """How one detector wants its input.

    Attributes:
        size: Height and width of the detector's input.
        order: Channel order.
        fit: Letterbox at the top left or in the middle (aspect ratio kept), or stretch.
        pad: Value of the padding, in 0..255, before normalisation.
        scale: The input's white: 255, or 1.
        mean: Per channel in `order`, in units of `scale`; subtracted.
        std: The same; divided by.
    """

    size: tuple[int, int]
    order: Literal["rgb", "bgr"] = "rgb"
    fit: Fit = "center"
    pad: float = 114.0
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def geometry(self, width: int, height: int) -> Geometry:
        """Where a picture of `width` x `height` comes to lie."""
        rows, cols = self.size
        if self.fit == "stretch":
            return Geometry(cols, rows, cols / width, rows / height, 0, 0)
        ratio = min(rows / height, cols / width)
        new_w = max(1, min(cols, int(width * ratio + 1e-6)))
        new_h = max(1, min(rows, int(height * ratio + 1e-6)))
        centred = self.fit == "center"
        left, top = ((cols - new_w) // 2, (rows - new_h) // 2) if centred else (0, 0)
        return Geometry(new_w, new_h, new_w / width, new_h / height, left, top)

    def __call__(self, rgb: torch.Tensor) -> torch.Tensor:
        """Prepare `[N, 3, H, W]` RGB in 0..1; differentiable (affine).

        Resizing is bilinear, as the detectors' own (OpenCV's) is; pictures reduced by more than 2 are low-pass
        filtered too, because samples that no output pixel touches would get no importance.
        """
        height, width = rgb.shape[-2:]
        g = self.geometry(width, height)
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
        """Plain values, for provenance."""
        return asdict(self)


def preprocess_from_dict(values: dict[str, Any], default: Preprocess) -> Preprocess:
    """Override fields of `default` by those of a sidecar file.

    Raises:
        IdseError: An unknown field, or a value of the wrong kind.
    """
    fields = default.to_dict()
    for key, value in values.items():
        if key not in fields:
            raise IdseError(f"field '{key}' is unknown; known are nodes, {', '.join(fields)}")
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
