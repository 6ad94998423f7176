"""The coded planes as a differentiable picture: chroma upsampling and YCbCr -> RGB in torch.

It is the conversion of `Frame.to_rgb` (a test compares them) without rounding and clipping, so that a sample at the
end of its range keeps its gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from idse.media.frame import Frame

# Kr and Kb of the matrices (ITU-T H.273, table 4).
_COEFFICIENTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}


def planes_to_tensors(
    frame: Frame, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> list[torch.Tensor]:
    """The planes as `[1, 1, h, w]` in 8-bit units: a 10-bit sample of 512 becomes 128.0."""
    scale = 1.0 / (1 << (frame.bit_depth - 8))
    return [
        torch.from_numpy(np.ascontiguousarray(p).astype(np.float32)).to(device, dtype).mul_(scale)[None, None]
        for p in frame.planes
    ]


def planes_to_rgb(planes: Sequence[torch.Tensor], frame: Frame) -> torch.Tensor:
    """RGB `[1, 3, H, W]` from planes in 8-bit units: in 0..1, or outside where YCbCr is outside the RGB gamut.

    Args:
        planes: As `planes_to_tensors` gives them; the values may differ from the frame's.
        frame: Gives matrix, range, bit depth and size; its samples are not used.
    """
    unit = float(1 << (frame.bit_depth - 8))
    if frame.full_range:
        peak = ((1 << frame.bit_depth) - 1) / unit
        luma_scale, luma_zero, chroma_scale = 1.0 / peak, 0.0, 1.0 / peak
    else:
        luma_scale, luma_zero, chroma_scale = 1.0 / 219.0, 16.0, 1.0 / 224.0
    y = (planes[0] - luma_zero) * luma_scale
    if len(planes) == 1:
        return y.expand(-1, 3, -1, -1)
    height, width = planes[0].shape[-2:]
    chroma = (torch.cat(list(planes[1:]), dim=1) - 128.0) * chroma_scale
    # Bilinear between the centres of the 2x2 luma samples; for odd sizes the last column or row is cut off.
    chroma = F.interpolate(chroma, scale_factor=2.0, mode="bilinear", align_corners=False)[
        ..., :height, :width
    ]
    cb, cr = chroma[:, :1], chroma[:, 1:]
    kr, kb = _COEFFICIENTS[frame.matrix]
    red = y + 2.0 * (1.0 - kr) * cr
    blue = y + 2.0 * (1.0 - kb) * cb
    green = (y - kr * red - kb * blue) / (1.0 - kr - kb)
    return torch.cat([red, green, blue], dim=1)
