"""Pictures for the page: original, decoded, map and boxes, as data URIs within a limit of bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from idse.importance.colours import colours
from idse.importance.profile_picture import cells, plane_names
from idse.report import text

if TYPE_CHECKING:
    from idse.importance.weight_map import WeightMap
    from idse.metrics.detection import Detections
    from idse.study import Cell, Study

MAX_CODECS = 6
_STEPS = ((1280, 92), (1280, 85), (960, 82), (768, 78), (640, 74), (512, 70))
"""Longest side and WebP quality, tried in this order until the images fit the budget."""
_THUMBNAIL = 112
_OCTAVES = 3.0
_LOWEST_SCORE = 0.05
_MOST_BOXES = 100

Rgb = npt.NDArray[np.uint8]


@dataclass
class _Side:
    """One picture, decoded from one codec's stream or the original, with the fields that the page's JSON has for it."""

    rgb: Rgb
    about: dict[str, Any]
    importance: WeightMap | None = None


@dataclass
class _Picture:
    item: str
    source: _Side
    sides: list[_Side] = field(default_factory=list)
    truth: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True)
class GalleryData:
    """The gallery of the page.

    Attributes:
        data: An object for JSON, with the images as data URIs.
        notes: Sentences on what was left out and how the images are stored.
    """

    data: dict[str, Any]
    notes: tuple[str, ...]


def gallery(
    study: Study, anchor: str, count: int, budget: int, first: Sequence[str] = ()
) -> GalleryData | None:
    """Pictures of a study, coded at the middle of the anchor's rates.

    Args:
        study: The study.
        anchor: The codec to whose rate the other codecs' points are matched.
        count: The number of pictures, taken at even intervals from the study.
        budget: The greatest size of all images as data URIs, in bytes.
        first: Codecs that are shown before others, after the anchor.

    Returns:
        None if no picture can be shown.
    """
    names = list(dict.fromkeys([anchor, *first, *[c.name for c in study.codecs]]))
    shown, notes = names[:MAX_CODECS], []
    pictures = []
    at = np.unique(np.linspace(0, len(study.items) - 1, min(count, len(study.items))).round().astype(int))
    for i in at if count > 0 else []:
        picture = _picture(study, study.items[i], anchor, shown)
        if picture is not None:
            pictures.append(picture)
    if not pictures:
        return None
    if len(names) > len(shown):
        notes.append(f"Only {len(shown)} of {len(names)} codecs are shown, to keep the page small.")
    if len(pictures) < len(at):
        missing = text.plural(len(at) - len(pictures), "picture")
        notes.append(f"{missing} cannot be shown: the files were moved, or the streams were not kept.")
    side, quality, encoded = _fitting(pictures, budget)
    while sum(map(len, encoded)) > budget and len(pictures) > 1:
        pictures.pop()
        side, quality, encoded = _fitting(pictures, budget)
        notes.append("Some pictures were left out, to keep the page small.")
    notes.append(
        f"These are {len(pictures)} of {len(study.items)} pictures, taken at even intervals and not selected by hand. "
        f"This page stores them as WebP of quality {quality}, at most {side} samples wide or high; the figures are "
        "those of the coded streams."
    )
    supply = iter(encoded)
    return GalleryData(
        {
            "detectors": {d: list(study.gallery.classes(d)) for d in study.detectors},
            "classes": list(study.gallery.classes(None)) if study.dataset.get("classes") else [],
            "pictures": [
                {
                    "name": p.item,
                    "width": p.source.rgb.shape[1],
                    "height": p.source.rgb.shape[0],
                    "thumbnail": _webp(_shrunk(p.source.rgb, _THUMBNAIL), 70),
                    "truth": p.truth,
                    "sides": [
                        s.about | {"image": next(supply), "map": _map_uri(s), "profiles": _profile_uris(s)}
                        for s in (p.source, *p.sides)
                    ],
                }
                for p in pictures
            ],
        },
        tuple(dict.fromkeys(notes)),
    )


def _picture(study: Study, item: str, anchor: str, shown: Sequence[str]) -> _Picture | None:
    source = study.gallery.source(item)
    if source is None:
        return None
    rates = sorted(p.bpp for p in study.points(anchor, study.measures[0].key))
    pooled = {c.codec: c for c in study.gallery.cells(item, rates[(len(rates) - 1) // 2])}
    near = {c.codec: c for c in study.gallery.cells(item, pooled[anchor].bpp)}
    picture = _Picture(item, _Side(source, {"codec": None, "found": _boxes(study, item, None)}))
    truth = study.gallery.truth(item)
    if truth is not None:
        picture.truth = [
            [*_rounded(box), int(label), int(crowd)]
            for box, label, crowd in zip(truth.boxes, truth.labels, truth.crowd, strict=True)
        ]
    for name in shown:
        cell = near[name]
        decoded = study.gallery.decoded(cell)
        if decoded is not None:
            about = {
                "codec": name, "qp": cell.qp, "scale": cell.scale, "bytes": cell.bytes, "bpp": float(f"{cell.bpp:.4g}"),
                "figures": {k: round(v, 3) for k, v in cell.figures.items()}, "found": _boxes(study, item, cell),
            }  # fmt: skip
            weights = study.gallery.importance(cell)
            if weights is not None:
                about["map_of"] = study.gallery.map_caption(cell, weights)
            picture.sides.append(_Side(decoded, about, weights))
    return picture if picture.sides else None


def _boxes(study: Study, item: str, cell: Cell | None) -> dict[str, list[list[float]]]:
    """The best detections by detector: x0, y0, x1, y1, class, score."""
    found: dict[str, list[list[float]]] = {}
    for detector in study.detectors:
        seen: Detections | None = study.gallery.detections(item, cell, detector)
        if seen is not None:
            seen = seen.select(seen.scores > _LOWEST_SCORE)
            seen = seen.select(np.argsort(-seen.scores, kind="stable")[:_MOST_BOXES])
            found[detector] = [
                [*_rounded(box), int(label), round(float(score), 3)]
                for box, label, score in zip(seen.boxes, seen.labels, seen.scores, strict=True)
            ]
    return found


def _rounded(box: npt.NDArray[np.floating[Any]]) -> list[float]:
    return [round(float(v), 1) for v in box]


def _fitting(pictures: Sequence[_Picture], budget: int) -> tuple[int, int, list[str]]:
    """Side, quality and images of the first step that fits the budget, or of the last step."""
    for step, (side, quality) in enumerate(_STEPS):
        last = step == len(_STEPS) - 1
        encoded: list[str] = []
        total = 0
        for n, picture in enumerate(pictures, 1):
            for rgb in _all_rgb(picture):
                encoded.append(_webp(_shrunk(rgb, side), quality))
                total += len(encoded[-1])
            if not last and total * len(pictures) / n > (1.6 if n < len(pictures) else 1.0) * budget:
                break
        else:
            return side, quality, encoded
    raise AssertionError("the last step always ends")


def _all_rgb(picture: _Picture) -> Iterator[Rgb]:
    yield picture.source.rgb
    for side in picture.sides:
        yield side.rgb


def _shrunk(rgb: Rgb, side: int) -> Rgb:
    from PIL import Image

    height, width = rgb.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return rgb
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def _webp(rgb: Rgb, quality: int | None) -> str:
    """The data URI of a picture as WebP of this quality; without loss if it is None."""
    from PIL import Image

    file = io.BytesIO()
    how: dict[str, Any] = {"lossless": True} if quality is None else {"quality": quality}
    Image.fromarray(rgb).save(file, "WEBP", method=2, **how)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _map_uri(side: _Side) -> str | None:
    """The map as a small image, one pixel for each cell: weights relative to their geometric mean, from 1/8 to 8."""
    if side.importance is None:
        return None
    logarithm = np.log2(np.maximum(side.importance.planes[0, 0].astype(np.float64), 1e-12))
    heat = colours((logarithm - logarithm.mean() + _OCTAVES) / (2 * _OCTAVES))
    return _webp(heat.round().astype(np.uint8), 90)


def _profile_uris(side: _Side) -> list[list[str]]:
    """Name and image of the frequency profile of each plane, one pixel for each frequency."""
    if side.importance is None or side.importance.profiles is None:
        return []
    tables = side.importance.profiles[0]
    return [[n, _webp(cells(t), None)] for n, t in zip(plane_names(side.importance), tables, strict=True)]
