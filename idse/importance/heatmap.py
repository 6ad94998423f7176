"""A picture of the weight map: colours over the grey picture, as PNG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.importance.caption import caption_parts
from idse.importance.shaping import shape_plane
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame, decoded_rgb

_RANGE = 3.0
"""The colours cover weights from 2^-3 to 2^3."""

# From dark blue (low weight) to pale yellow (high weight), with steadily rising lightness.
_COLOURS = np.array(
    [
        (4, 6, 45),
        (44, 17, 110),
        (98, 25, 128),
        (150, 42, 122),
        (202, 64, 98),
        (237, 105, 64),
        (250, 165, 40),
        (249, 222, 98),
        (252, 253, 200),
    ],
    np.float64,
)
_BAR = 22  # height of the scale under the picture
_LINE = 14  # height of a line of the caption under the scale
_MOST_LINES = 3
_MARGIN = 2


def colours(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Colours `[..., 3]` in 0..255 for values in 0..1 (clipped)."""
    at = np.clip(values, 0, 1) * (len(_COLOURS) - 1)
    stops = np.arange(len(_COLOURS))
    return np.stack([np.interp(at, stops, _COLOURS[:, c]) for c in range(3)], axis=-1)


def heatmap(
    weight_map: WeightMap, frame: Frame, frame_index: int = 0, opacity: float = 0.6
) -> NDArray[np.uint8]:
    """Paint a frame's luma weights over its picture; returns `[height, width, 3]` RGB.

    The colours show raw weights relative to their geometric mean, on a logarithmic scale from 1/8 to 8.

    Raises:
        IdseError: The map is for pictures of another size, or has no such frame.
    """
    if not 0 <= frame_index < weight_map.frames:
        raise IdseError(f"the weight map has no frame {frame_index}, only 0..{weight_map.frames - 1}")
    weight_map.check_fits(frame.width, frame.height, weight_map.frames)
    luma = weight_map.planes[frame_index, 0]
    mean = float(luma.mean(dtype=np.float64))
    weights = shape_plane(luma, mean, tau=0.0, exponent=1.0, clip_qp=30.0)
    heat = colours((np.log2(weights) + _RANGE) / (2 * _RANGE))
    unit = 1 << weight_map.log2_unit
    heat = heat.repeat(unit, 0).repeat(unit, 1)[: frame.height, : frame.width]
    grey = np.asarray(decoded_rgb(frame), np.float64).mean(2, keepdims=True)
    return np.clip(opacity * heat + (1 - opacity) * grey + 0.5, 0, 255).astype(np.uint8)


def save_heatmap(weight_map: WeightMap, frame: Frame, path: Path | str, frame_index: int = 0) -> None:
    """Write `heatmap` with a scale and the map's caption below it, as PNG or in another format by `path`'s suffix.

    Args:
        weight_map: The map.
        frame: The picture of `frame_index`.
        path: The file.
        frame_index: Which frame of the map.

    Raises:
        IdseError: The map does not fit, or the file cannot be written.
    """
    from PIL import Image, ImageDraw

    picture = heatmap(weight_map, frame, frame_index)
    height, width = picture.shape[:2]
    lines = caption_lines(
        caption_parts(weight_map.meta), width - 2 * _MARGIN, ImageDraw.Draw(Image.new("RGB", (1, 1))).textlength
    )
    canvas = Image.new("RGB", (width, height + _BAR + _LINE * len(lines)))
    canvas.paste(Image.fromarray(picture), (0, 0))
    ramp = colours(np.linspace(0, 1, width))[None].repeat(8, 0)
    canvas.paste(Image.fromarray(ramp.astype(np.uint8)), (0, height))
    draw = ImageDraw.Draw(canvas)
    taken: list[tuple[float, float]] = []
    for text, share in (("8 x mean", 1.0), ("1/8", 0.0), ("1/2", 1 / 3), ("2", 2 / 3)):
        length = draw.textlength(text)
        left = min(max(share * width - length / 2, 1), max(width - length - 1, 1))
        if all(left + length + 2 < start or end + 2 < left for start, end in taken):  # room on a narrow picture
            draw.text((left, height + 9), text, fill=(255, 255, 255))
            taken.append((left, left + length))
    for number, line in enumerate(lines):
        draw.text((_MARGIN, height + _BAR + _LINE * number), line, fill=(255, 255, 255))
    try:
        canvas.save(path)
    except (OSError, ValueError) as error:
        raise IdseError(f"cannot write the heat map {path}: {error}") from None


def caption_lines(parts: list[str], width: float, length: Callable[[str], float]) -> list[str]:
    """A map's caption in lines that fit a picture.

    Parts are dropped from the end until the others fit `_MOST_LINES`. There is none if not even the first part fits.

    Args:
        parts: As `caption.caption_parts` gives them.
        width: Of a line, in samples.
        length: The width of a text, in samples.
    """
    for count in range(len(parts), 0, -1):
        # The picture's font may have no more than Latin letters.
        words = ", ".join(parts[:count]).encode("latin-1", "replace").decode("latin-1").split(" ")
        lines = [words[0]]
        for word in words[1:]:
            longer = f"{lines[-1]} {word}"
            if length(longer) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        if len(lines) <= _MOST_LINES and all(length(line) <= width for line in lines):
            return lines
    return []
