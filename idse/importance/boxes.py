"""Maps of boxes, a baseline from the literature: boxes that a detector finds are coded some QP steps finer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame


def box_map(
    frames: Sequence[Frame],
    boxes: Sequence[NDArray[np.floating[Any]]],
    *,
    roi_qp: float = 6.0,
    log2_unit: int = 3,
) -> WeightMap:
    """The weight `2 ** (roi_qp / 3)` in every cell that a box touches, 1 in the others; luma only.

    Encode with tau 0, exponent 1 and a clip of 12 QP (`settings.SHAPING`), so that the difference is exactly `roi_qp`.

    Args:
        frames: Pictures of one size.
        boxes: For each frame `[n, 4]`: x0, y0, x1, y1 in luma samples.
        roi_qp: QP steps between the boxes and the rest; above 0, at most 12.
        log2_unit: Cells of `2**log2_unit` luma samples, 0..7.

    Raises:
        IdseError: An argument out of its range.
    """
    if len(boxes) != len(frames):
        raise IdseError(f"boxes of {len(boxes)} frames for {len(frames)} frames")
    if not 0 < roi_qp <= 12:
        raise IdseError(f"roi qp {roi_qp}: must be above 0, at most 12")
    unit = 1 << log2_unit
    width, height = frames[0].width, frames[0].height
    planes = np.ones((len(frames), 1, -(-height // unit), -(-width // unit)), dtype=np.float32)
    for plane, found in zip(planes[:, 0], boxes, strict=True):
        for x0, y0, x1, y1 in found.tolist():
            if x1 > x0 and y1 > y0:
                rows = slice(max(int(y0 // unit), 0), max(math.ceil(y1 / unit), 0))
                columns = slice(max(int(x0 // unit), 0), max(math.ceil(x1 / unit), 0))
                plane[rows, columns] = 2 ** (roi_qp / 3)
    return WeightMap(
        width=width,
        height=height,
        log2_unit=log2_unit,
        planes=planes,
        meta={"estimator": "roi", "roi_qp": roi_qp, "at": "source"},
    )
