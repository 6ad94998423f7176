"""A small picture made by a formula, for hashes that tell builds apart."""

from __future__ import annotations

import numpy as np

from idse.media.frame import Frame


def probe_frame(width: int, height: int) -> Frame:
    """Waves of three colours, 8-bit 4:2:0: the same samples on every machine.

    A hash of what an encoder or an estimator makes of this frame identifies its build.
    """
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([128 + 90 * np.sin(x / (3 + k)) * np.cos(y / 5 + k) for k in range(3)], axis=2)
    return Frame.from_rgb(rgb.astype(np.uint8))
