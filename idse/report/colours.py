"""The style of a codec in all plots and tables: a colour; further dashes and markers when the colours are used up."""

from __future__ import annotations

from dataclasses import dataclass

# Medium lightness and different hues: they are distinguishable on a white and on a dark background.
_COLOURS = (
    "#3a7bd5", "#e07b12", "#1f9d6b", "#cf4585", "#8b62d4", "#b08a1e", "#159eb3", "#d9483b", "#6e9130", "#85828f",
)  # fmt: skip
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_MARKERS = ("circle", "square", "diamond", "triangle-up", "x")


@dataclass(frozen=True)
class Style:
    """Colour (hex), and dash and marker with Plotly's names."""

    colour: str
    dash: str
    marker: str


def style(position: int) -> Style:
    """The style of the codec at a position in the sweep."""
    again, colour = divmod(position, len(_COLOURS))
    return Style(_COLOURS[colour], _DASHES[again % len(_DASHES)], _MARKERS[again % len(_MARKERS)])
