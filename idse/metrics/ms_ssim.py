"""MS-SSIM of luma planes, computed with the pytorch-msssim package.

Wang, Simoncelli and Bovik (2003): five scales, an 11 x 11 Gaussian window of sigma 1.5 that stays inside the picture.
The planes are brought to 10 bits by shifting and the range is 1020, as with PSNR here, so that 8-bit and 10-bit
sources share one scale. It is computed in float64, because float32 is too inexact for 1 - MS-SSIM at high quality.
"""

from __future__ import annotations

import math

import numpy as np

from idse.errors import IdseError
from idse.metrics.psnr import PEAK_10BIT, Plane, at_10_bit

# The limit of pytorch-msssim: the window must fit into the fifth scale, a sixteenth of the size.
SMALLEST_SIDE = 10 * 2**4 + 1


def ms_ssim_planes(source: Plane, source_depth: int, decoded: Plane, decoded_depth: int = 10) -> float | None:
    """MS-SSIM of two planes, 0..1; None if a side has fewer than 161 samples, too few for five scales.

    Args:
        source: `[height, width]`.
        source_depth: Its bit depth, up to 10.
        decoded: A plane of the same shape.
        decoded_depth: Its bit depth, up to 10.

    Raises:
        ValueError: The planes differ in shape, or have more than 10 bits.
        IdseError: pytorch-msssim is not installed.
    """
    if source.shape != decoded.shape:
        raise ValueError(f"planes differ in shape: {source.shape} and {decoded.shape}")
    a, b = at_10_bit(source, source_depth), at_10_bit(decoded, decoded_depth)
    if min(source.shape) < SMALLEST_SIDE:
        return None
    if np.array_equal(a, b):
        return 1.0  # exactly
    try:
        import torch
        from pytorch_msssim import ms_ssim
    except ImportError as error:
        raise IdseError(
            f"{error.name} is not installed: MS-SSIM needs pip install 'idse[evaluate]'"
        ) from None
    first, second = (torch.from_numpy(plane.astype(np.float64))[None, None] for plane in (a, b))
    return float(ms_ssim(first, second, data_range=PEAK_10BIT))


def ms_ssim_db(value: float) -> float:
    """`-10 log10(1 - MS-SSIM)` in dB: the axis on which BD-rates are taken. Infinite for equal pictures."""
    return math.inf if value >= 1 else -10.0 * math.log10(1.0 - value)
