"""The report as one HTML file that loads nothing from the network."""

from __future__ import annotations

import base64
import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from idse.errors import IdseError
from idse.report import text
from idse.report.exports.csv_files import points_csv, table_csv
from idse.report.figures import Style, plot_data, style
from idse.report.gallery import gallery
from idse.report.matched import matched_families
from idse.report.provenance import provenance
from idse.report.results import from_study
from idse.report.tables import Table, bd_tables, class_tables, per_picture_table, points_table
from idse.report.verdict import verdict

if TYPE_CHECKING:
    from idse.metrics.bd_rate import Method
    from idse.study import Study

MAX_BYTES = 15 << 20
"""The greatest size of the page."""

_MANY_ANCHORS = 8
"""With at most so many codecs, the page has tables against each of them."""
_CLASS_CELLS = 20_000
"""With at most so many cells, the page has tables by class against every anchor."""
_RESERVE = 1 << 20
_SCRIPTS = ("page.js", "curves.js", "gallery.js")


@dataclass(frozen=True)
class PageOptions:
    """Options of the page.

    Attributes:
        anchor: The anchor of the BD-rates.
        method: The interpolation, "pchip" or "akima".
        title: The headline; if empty, the sweep's name.
        gallery: The number of pictures.
        draws: The number of resamples of the study, for the provenance section.
    """

    anchor: str
    method: Method = "pchip"
    title: str = ""
    gallery: int = 6
    draws: int = 200


@dataclass(frozen=True)
class AnchorTables:
    """All tables against one anchor."""

    anchor: str
    main: list[Table]
    per_picture: Table
    classes: list[Table]


def make_page(study: Study, options: PageOptions) -> str:
    """The whole page.

    Raises:
        IdseError: It would be larger than `MAX_BYTES`.
    """
    results = from_study(study)
    families = matched_families(study, options.anchor)
    said = verdict(study, options.anchor, options.method)
    anchors = _anchor_tables(study, options)
    templates = environment({c.name: style(i) for i, c in enumerate(study.codecs)})
    plots = _json(plot_data(study, results, families))
    plotly = _plotly()
    context = {
        "title": options.title or study.name,
        "study": study,
        "anchor": options.anchor,
        "verdict": said,
        "anchors": anchors,
        "points": points_table(study),
        "families": families,
        "several_sizes": [c.name for c in study.codecs if study.scales(c.name) > 1],
        "measure_groups": _measure_groups(study),
        "first_measure": said.measure or study.measures[0].key,
        "provenance": provenance(study, options.anchor, options.method, options.draws),
        "points_csv": _data_uri(points_csv(results)),
        "plots": plots,
        "plotly": Markup(plotly),
        "gallery": None,
        "gallery_json": Markup("null"),
    }
    template = templates.get_template("report.html")
    used = len(template.render(context).encode())
    shown = gallery(
        study,
        options.anchor,
        options.gallery,
        max(0, MAX_BYTES - _RESERVE - used),
        [said.best] if said.best else [],
    )
    if shown is not None:
        context |= {"gallery": shown, "gallery_json": _json(shown.data)}
    page = template.render(context)
    size = len(page.encode())
    if size > MAX_BYTES:
        raise IdseError(
            f"the page would be {size / 2**20:.0f} MB large: sweep fewer codecs, or write CSV (-o FILE.csv)"
        )
    return page


def _anchor_tables(study: Study, options: PageOptions) -> list[AnchorTables]:
    names = [c.name for c in study.codecs]
    names.insert(0, names.pop(names.index(options.anchor)))
    few = len(names) <= _MANY_ANCHORS
    classes = sum(m.group == "classes" for m in study.measures)
    all_classes = classes * len(names) * (len(names) - 1) <= _CLASS_CELLS
    return [
        AnchorTables(
            name,
            bd_tables(study, name, options.method),
            per_picture_table(study, name),
            class_tables(study, name, options.method) if all_classes or name == options.anchor else [],
        )
        for name in (names if few else names[:1])
    ]


def _measure_groups(study: Study) -> list[tuple[str, list[Any]]]:
    """Measures in groups for a list: fidelity, then each detector's; single classes are a group of their own."""
    groups: dict[str, list[Any]] = {}
    for m in study.measures:
        group = (
            "Fidelity" if m.detector is None else m.detector + (", classes" if m.group == "classes" else "")
        )
        groups.setdefault(group, []).append(m)
    return list(groups.items())


def environment(looks: Mapping[str, Style]) -> jinja2.Environment:
    """The templates with their filters and functions; `looks` are the styles of the codecs by name."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("idse.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["minus"] = lambda words: str(words).replace("-", "−")
    made.filters["slug"] = text.slug
    made.globals |= {
        "looks": looks,
        "css": Markup(_asset("report.css")),
        "js": Markup("\n".join(_asset(name) for name in _SCRIPTS)),
        "csv_uri": lambda table: _data_uri(table_csv(table)),
        "plural": text.plural,
        "listed": text.listed,
    }
    return made


def _asset(name: str) -> str:
    return (importlib.resources.files("idse.report") / "templates" / name).read_text(encoding="utf-8")


def _plotly() -> str:
    """Plotly's script, from its Python package.

    Raises:
        IdseError: The package is missing.
    """
    try:
        return (importlib.resources.files("plotly") / "package_data" / "plotly.min.js").read_text(
            encoding="utf-8"
        )
    except (ModuleNotFoundError, FileNotFoundError):
        raise IdseError("the page needs Plotly: pip install plotly") from None


def _json(value: Any) -> Markup:
    """JSON that is safe inside a script element."""
    written = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(written.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def _data_uri(csv: str) -> str:
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(csv.encode()).decode()}"
