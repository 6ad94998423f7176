"""A picture of frequency profiles: a table of 8x8 coloured cells with axes for each plane, and one scale for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from idse.importance.colours import colours
from idse.importance.weight_map import LOWEST, TILE, WeightMap

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

LEAST, MOST = -8.0, 2.0
"""The colours cover weights from 2^-8 to 2^2 of the mean of the lowest 3x3 frequencies."""
_TICKS = (("1/256", -8), ("1/64", -6), ("1/16", -4), ("1/4", -2), ("1", 0), ("4", 2))
_TITLES = ("weight by frequency, relative to the mean of the lowest 3x3", "weight by frequency")
_AXES = (("horizontal frequency", "vertical frequency"), ("horizontal", "vertical"), ("", ""))
_WHITE, _GREY = (255, 255, 255), (176, 176, 176)

# Sizes in samples, of a picture of scale 1.
FONT = 10
LINE = 14  # height of a line of text
RAMP = 8  # height of a scale's colours
_MARGIN = 6
_GAP = 16  # between tables
_CELL = (9, 24)  # least and greatest side of a cell
_LEAST_RAMP = 280  # width of the scale where there is room, so that all its values can be written


def load_font(scale: int) -> FreeTypeFont | ImageFont:
    """The font of all words in a picture of this scale."""
    from PIL import ImageFont

    return ImageFont.load_default(FONT * scale)


def relative(profile: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """A raw profile `[8, 8]` divided by the mean of its lowest 3x3 frequencies, as shaping does."""
    exact = profile.astype(np.float64)
    return np.asarray(exact / exact[:LOWEST, :LOWEST].mean())


def cells(profile: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Colours `[8, 8, 3]` of a raw profile `[8, 8]`, on a logarithmic scale from 1/256 to 4 (`relative`)."""
    octaves = np.log2(np.maximum(relative(profile), 2.0**LEAST))
    return (colours((octaves - LEAST) / (MOST - LEAST)) + 0.5).astype(np.uint8)


def plane_names(weight_map: WeightMap) -> tuple[str, ...]:
    """What to call the planes of a map's profiles; () if it has none."""
    if weight_map.profiles is None:
        return ()
    if weight_map.profiles.shape[1] == 3:
        return ("Y", "Cb", "Cr")
    return ("Y, Cb and Cr",) if weight_map.has_chroma else ("Y",)


def least_width(planes: int) -> int:
    """The width in samples that tables of so many planes need at scale 1."""
    return 2 * _MARGIN + planes * (LINE + TILE * _CELL[0]) + (planes - 1) * _GAP


def profile_panel(
    profiles: NDArray[np.floating[Any]], names: tuple[str, ...], width: int, scale: int = 1
) -> Image:
    """Draw the profiles of one frame side by side, on black.

    Args:
        profiles: `[planes, 8, 8]` raw.
        names: One for each plane.
        width: Of the picture, in samples, at least `scale * least_width(planes)`.
        scale: All sizes are multiplied by it.

    Returns:
        An RGB picture of this width; its height follows from the cells.
    """
    from PIL import Image, ImageDraw

    count = len(profiles)
    margin, line, gap = _MARGIN * scale, LINE * scale, _GAP * scale
    room = (width - 2 * margin - count * line - (count - 1) * gap) // (TILE * count)
    cell = min(max(room, _CELL[0] * scale), _CELL[1] * scale)
    side = TILE * cell
    across = count * (line + side) + (count - 1) * gap
    left = max((width - across) // 2, 0)
    top = margin + 2 * line  # of the tables: a title and the planes' names are above
    ramp_top = top + side + line + margin
    canvas = Image.new("RGB", (width, ramp_top + RAMP * scale + line + margin // 2))
    draw = ImageDraw.Draw(canvas)
    font = load_font(scale)
    title = next((t for t in _TITLES if draw.textlength(t, font=font) <= width), "")
    draw.text(((width - draw.textlength(title, font=font)) / 2, margin // 2), title, _WHITE, font)
    axes = next(
        (h, v)
        for h, v in _AXES
        if max(draw.textlength(f"0  {words}  7", font=font) for words in (h, v)) <= side
    )
    for number, (profile, name) in enumerate(zip(profiles, names, strict=True)):
        x = left + number * (line + side + gap) + line
        table = Image.fromarray(cells(profile)).resize((side, side), Image.Resampling.NEAREST)
        canvas.paste(table, (x, top))
        draw.text((x + (side - draw.textlength(name, font=font)) / 2, top - line), name, _WHITE, font)
        canvas.paste(_axis(axes[0], (side, line), font), (x, top + side))
        canvas.paste(_axis(axes[1], (side, line), font, down=True), (x - line, top))
    across = min(max(across, _LEAST_RAMP * scale), width - 2 * margin)
    left = (width - across) // 2
    ramp = colours(np.linspace(0, 1, across))[None].repeat(RAMP * scale, 0)
    canvas.paste(Image.fromarray((ramp + 0.5).astype(np.uint8)), (left, ramp_top))
    ticks = [(text, (octave - LEAST) / (MOST - LEAST)) for text, octave in _TICKS]
    draw_ticks(draw, ticks, (left, ramp_top + RAMP * scale), across, font)
    return canvas


def _axis(words: str, size: tuple[int, int], font: FreeTypeFont | ImageFont, *, down: bool = False) -> Image:
    """A strip with 0 and 7 at the ends of an axis and its name between them; with `down` it is read from below."""
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", size)
    draw = ImageDraw.Draw(strip)
    for text, share in (("7" if down else "0", 0.0), (words, 0.5), ("0" if down else "7", 1.0)):
        inset = 1 if share != 0.5 else 0
        room = size[0] - 2 * inset - draw.textlength(text, font=font)
        draw.text((inset + share * room, 1), text, _GREY, font)
    return strip.transpose(Image.Transpose.ROTATE_90) if down else strip


def draw_ticks(
    draw: ImageDraw,
    ticks: list[tuple[str, float]],
    at: tuple[int, int],
    width: int,
    font: FreeTypeFont | ImageFont,
) -> None:
    """Write the values of a scale below its colours; those that have no room beside earlier ones are left out.

    Args:
        draw: Of the picture.
        ticks: Texts, and their places as shares of the width; the most important first.
        at: Left end and top.
        width: Of the colours, in samples.
        font: Of the texts.
    """
    taken: list[tuple[float, float]] = []
    for text, share in ticks:
        length = draw.textlength(text, font=font)
        left = min(max(share * width - length / 2, 1), max(width - length - 1, 1))
        if all(left + length + 2 < start or end + 2 < left for start, end in taken):
            draw.text((at[0] + left, at[1] + 1), text, _WHITE, font)
            taken.append((left, left + length))
