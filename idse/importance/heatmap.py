"""A picture of the weight map: colours over the grey picture, and the profiles over frequency below it, as PNG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.importance.caption import caption_parts
from idse.importance.colours import colours
from idse.importance.profile_picture import (
    LINE,
    RAMP,
    draw_ticks,
    least_width,
    load_font,
    plane_names,
    profile_panel,
)
from idse.importance.shaping import shape_plane
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame, decoded_rgb

_RANGE = 3.0
"""The colours cover weights from 2^-3 to 2^3."""

_MOST_LINES = 3  # of the caption
_MARGIN = 2
_TALLEST = 2
"""A picture is enlarged to at most so many times the width of the tables."""
_PER_SCALE = 960
"""Letters and scales grow by one step with every so many samples of width, to stay readable in large pictures."""
_TICKS = [("8 x mean", 1.0), ("1/8", 0.0), ("1/2", 1 / 3), ("2", 2 / 3)]


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
    """Write `heatmap` as PNG or in another format by `path`'s suffix.

    Below it are its scale, the frequency profiles of the frame if the map has any, and the map's caption. With
    profiles, a picture that is narrower than their tables is enlarged by a whole factor, or centred if it is tall.

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
    names = plane_names(weight_map)
    least = least_width(len(names)) if names else 1
    factor = -(-least // picture.shape[1])
    if factor * picture.shape[0] <= _TALLEST * least:
        picture = picture.repeat(factor, 0).repeat(factor, 1)
    height, width = picture.shape[:2]
    canvas_width = max(width, least)
    scale = max(round(canvas_width / _PER_SCALE), 1)
    font = load_font(scale)
    ruler = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    lines = caption_lines(
        caption_parts(weight_map.meta),
        canvas_width - 2 * _MARGIN,
        lambda words: ruler.textlength(words, font=font),
    )
    tables = None
    if weight_map.profiles is not None:
        tables = profile_panel(weight_map.profiles[frame_index], names, canvas_width, scale)
    panel_top = height + (RAMP + LINE) * scale
    caption_top = panel_top + (0 if tables is None else tables.height)
    canvas = Image.new("RGB", (canvas_width, caption_top + LINE * scale * len(lines)))
    canvas.paste(Image.fromarray(picture), ((canvas_width - width) // 2, 0))
    ramp = colours(np.linspace(0, 1, canvas_width))[None].repeat(RAMP * scale, 0)
    canvas.paste(Image.fromarray(ramp.astype(np.uint8)), (0, height))
    draw = ImageDraw.Draw(canvas)
    draw_ticks(draw, _TICKS, (0, height + RAMP * scale), canvas_width, font)
    if tables is not None:
        canvas.paste(tables, (0, panel_top))
    for number, line in enumerate(lines):
        draw.text((_MARGIN, caption_top + LINE * scale * number), line, (255, 255, 255), font)
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
