"""Masks as COCO's compressed run lengths, made by the C code of faster-coco-eval or pycocotools."""

from __future__ import annotations

import importlib
import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.metrics.detection import Rle

_FARTHEST = 1 << 20
"""Greatest coordinate of a polygon: COCO's C code uses memory for each sample of an edge, with a 32-bit count."""


@cache
def mask_library() -> Any:
    """The module with COCO's mask functions.

    Raises:
        IdseError: Neither package is installed.
    """
    for name in ("faster_coco_eval.core.mask", "pycocotools.mask"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise IdseError("masks need the package faster-coco-eval: install it with pip install 'idse[evaluate]'")


def fault_of(segmentation: Any, height: int, width: int) -> str | None:
    """The reason why `segmentation` is not a mask for a picture of that size; None: it is one.

    The counts of compressed run lengths are not checked here but in `compressed`.
    """
    if isinstance(segmentation, list):
        for polygon in segmentation:
            if not isinstance(polygon, list) or len(polygon) % 2 or not _finite(polygon):
                return "a polygon is not a list of x, y pairs"
            if max(map(abs, polygon), default=0) > _FARTHEST:
                return f"a polygon has a point beyond {_FARTHEST}"
        return None
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= segmentation.keys():
        return "the segmentation consists neither of polygons nor of run lengths"
    if segmentation["size"] != [height, width]:
        return f"its run lengths are for {segmentation['size']}, the picture is [{height}, {width}]"
    counts = segmentation["counts"]
    if isinstance(counts, str):
        return None
    if (
        not isinstance(counts, list)
        or not all(type(n) is int and n >= 0 for n in counts)
        or sum(counts) != height * width
    ):
        return f"its run lengths do not add up to {height} x {width}"
    return None


def is_empty(segmentation: Any) -> bool:
    """Whether nothing encloses an area, because no polygon has three points."""
    return not segmentation or (isinstance(segmentation, list) and not _areas(segmentation))


def compressed(segmentation: Any, height: int, width: int) -> Rle:
    """Compressed run lengths of a segmentation in COCO's format: of the union of its polygons, or of its run lengths.

    Raises:
        IdseError: The compressed counts are damaged.
    """
    library = mask_library()
    if isinstance(segmentation, list):
        polygons = _areas(segmentation)
        if not polygons:
            return library.encode(np.zeros((height, width), np.uint8, order="F"))
        return library.merge(library.frPyObjects(polygons, height, width))
    if isinstance(segmentation["counts"], list):
        return library.frPyObjects(segmentation, height, width)
    rle = {"size": [height, width], "counts": segmentation["counts"].encode("ascii", "replace")}
    try:
        library.decode(rle)  # the only function that also notices counts that end too early
    except ValueError as error:
        raise IdseError(f"damaged run lengths ({error})") from None
    return rle


def encoded(mask: NDArray[np.bool_]) -> tuple[Rle, NDArray[np.float64], int]:
    """Run lengths, box (x0, y0, x1, y1) and number of samples of a mask `[height, width]` (fast in Fortran order)."""
    library = mask_library()
    rle = library.encode(np.asfortranarray(mask).view(np.uint8))
    x, y, w, h = library.toBbox(rle)
    return rle, np.array([x, y, x + w, y + h]), int(library.area(rle))


def _areas(polygons: list[list[float]]) -> list[list[float]]:
    """Polygons with at least three points; COCO's code would read two points as a box."""
    return [p for p in polygons if len(p) >= 6]


def _finite(numbers: list[Any]) -> bool:
    return all(type(n) in (int, float) and math.isfinite(n) for n in numbers)
