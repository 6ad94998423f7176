"""How a codec looks, in every plot and every table: a colour, then a dash and a marker where colours run out."""

from __future__ import annotations

from dataclasses import dataclass

# Of middle lightness and apart in hue, to be told from each other on white and on near-black.
_COLOURS = (
    "#3a7bd5", "#e07b12", "#1f9d6b", "#cf4585", "#8b62d4", "#b08a1e", "#159eb3", "#d9483b", "#6e9130", "#85828f",
)  # fmt: skip
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_MARKERS = ("circle", "square", "diamond", "triangle-up", "x")


@dataclass(frozen=True)
class Style:
    """Colour (hex), dash and marker as Plotly calls them."""

    colour: str
    dash: str
    marker: str


def style(position: int) -> Style:
    """The look of the codec at a position of the sweep."""
    again, colour = divmod(position, len(_COLOURS))
    return Style(_COLOURS[colour], _DASHES[again % len(_DASHES)], _MARKERS[again % len(_MARKERS)])
