"""The weight map as a file of delta QPs that kvazaar and uvg266 read (`--roi FILE`).

Format, according to the help of both encoders: for each frame the width and height of the QP map, then width * height
delta QPs in raster order. It is text or, if the name ends in `.bin`, two little-endian int32 values and int8 values.
The map may have any size up to 10000 x 10000. The encoders look it up by nearest neighbour for each 64x64 block;
therefore one value per such block is written.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.importance.shaping import shape_frame
from idse.importance.weight_map import WeightMap

_MAX_CELLS = 10000  # a limit of the two encoders


def delta_qps(
    weight_map: WeightMap, *, block: int = 64, tau: float = 0.2, exponent: float = 0.5, clip_qp: float = 6.0
) -> NDArray[np.int8]:
    """Delta QPs `[frames, rows, cols]` per block of `block` x `block` luma samples.

    Each is `-3 log2(mean shaped luma weight)` of its block, rounded half away from zero and clipped to `+-clip_qp`.
    """
    cell = 1 << weight_map.log2_unit
    if block < 1 or block % cell:
        raise IdseError(f"block {block}: must be a multiple of the map's unit, {cell}")
    n = block // cell
    out = []
    for planes in weight_map.planes:
        weights = shape_frame(planes[:1], tau, exponent, clip_qp)[0][0]
        sums = np.add.reduceat(
            np.add.reduceat(weights, np.arange(0, weights.shape[0], n), 0),
            np.arange(0, weights.shape[1], n),
            1,
        )
        ones = np.ones(weights.shape)
        counts = np.add.reduceat(
            np.add.reduceat(ones, np.arange(0, weights.shape[0], n), 0), np.arange(0, weights.shape[1], n), 1
        )
        delta = -3 * np.log2(sums / counts)
        delta = np.sign(delta) * np.floor(np.abs(delta) + 0.5)
        out.append(np.clip(delta, -clip_qp, clip_qp))
    return np.stack(out).astype(np.int8)


def write_roi(
    weight_map: WeightMap,
    path: Path | str,
    *,
    block: int = 64,
    tau: float = 0.2,
    exponent: float = 0.5,
    clip_qp: float = 6.0,
) -> None:
    """Write `delta_qps` as an ROI file with one map per frame; binary if `path` ends in `.bin`, else text.

    Raises:
        IdseError: A value out of its range, or the file cannot be written.
    """
    maps = delta_qps(weight_map, block=block, tau=tau, exponent=exponent, clip_qp=clip_qp)
    rows, cols = maps.shape[1:]
    if max(rows, cols) > _MAX_CELLS:
        raise IdseError(
            f"an ROI map of {cols}x{rows} values: kvazaar and uvg266 read at most {_MAX_CELLS} a side"
        )
    path = Path(path)
    if path.suffix == ".bin":
        data = b"".join(struct.pack("<2i", cols, rows) + m.tobytes() for m in maps)
    else:
        text = "".join(
            f"{cols} {rows}\n" + "".join(" ".join(map(str, row)) + "\n" for row in m.tolist()) for m in maps
        )
        data = text.encode("ascii")
    try:
        path.write_bytes(data)
    except OSError as error:
        raise IdseError(f"cannot write the ROI file {path}: {error.strerror or error}") from None
