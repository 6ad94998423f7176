"""The data of the page's plots, as one object for JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from idse.report.colours import style
from idse.report.matched import Families
from idse.report.results import Results

if TYPE_CHECKING:
    from idse.study import Study

_DIGITS = 6


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
