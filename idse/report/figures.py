"""The data of the page's plots, as one object for JSON, and the style of each codec in plots and tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from idse.report.matched import Families
from idse.report.results import Results

if TYPE_CHECKING:
    from idse.study import Study

_DIGITS = 6

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


def plot_data(study: Study, results: Results, families: Families | None) -> dict[str, Any]:
    """Points and qualities of every codec and measure, and the Pareto fronts of codecs with several sizes."""
    codecs = []
    for i, codec in enumerate(results.codecs):
        look = style(i)
        codecs.append(
            {
                "name": codec.name,
                "colour": look.colour,
                "dash": look.dash,
                "marker": look.marker,
                "qp": [p.qp for p in codec.positions],
                "scale": [p.scale for p in codec.positions],
                "bpp": [_short(p.bpp) for p in codec.positions],
                "many": len({p.scale for p in codec.positions}) > 1,
            }
        )
    many = [i for i, c in enumerate(codecs) if c["many"]]
    return {
        "codecs": codecs,
        "measures": [
            {
                "key": m.key,
                "title": m.title,
                "unit": m.unit or "0…1",
                "group": m.group,
                "detector": m.detector,
            }
            for m in study.measures
        ],
        "quality": {
            m.key: [[_short(q) for q in codec.qualities[m.key]] for codec in results.codecs]
            for m in study.measures
        },
        "front": {
            m.key: {str(i): list(results.codecs[i].front(m.key)) for i in many}
            for m in study.measures
            if many
        },
        "uncompressed": {
            m.key: _short(value)
            for m in study.measures
            if m.group == "detections" and (value := study.uncompressed(m.key)) is not None
        },
        "matched": None if families is None else families.plot_data(),
    }


def _short(value: float) -> float | None:
    """The number with few digits; None if it is not finite, as JSON has no NaN."""
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
