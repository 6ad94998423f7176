"""The main figures in a few sentences; a difference within its interval is never called a saving or a loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from idse.report import text
from idse.report.tables import Cell, bd_cell

if TYPE_CHECKING:
    from idse.metrics.bd_rate import Method
    from idse.study import Measure, Study

_FIRST = ("map_box", "map_mask", "wap_box", "wap_mask", "pseudo_ap", "features", "ms_ssim", "psnr_y")
"""The measures that the first sentence may be about, in order of preference: detections, features, then fidelity."""


@dataclass(frozen=True)
class Verdict:
    """Attributes: the sentences; the measure of the first sentence; the codec with the lowest BD-rate, or empty."""

    sentences: tuple[str, ...]
    measure: str = ""
    best: str = ""


def verdict(study: Study, anchor: str, method: Method = "pchip") -> Verdict:
    """The verdict on all codecs against an anchor."""
    tests = [c.name for c in study.codecs if c.name != anchor]
    shown = text.quoted(anchor)
    if not tests:
        return Verdict((f"Only {shown} was measured, so there is nothing to compare it with.",))
    cells = {
        m.key: {t: bd_cell(study.figure(anchor, t, m.key, method)) for t in tests}
        for m in study.measures
        if m.group != "classes"
    }
    main = _main_measure(study, cells)
    if main is None:
        return Verdict((f"There is no BD-rate against {shown}; the notes under the tables give the reasons.",))
    known = {name: c for name, c in cells[main.key].items() if c.value is not None}
    with_interval = {name: c for name, c in known.items() if c.half is not None} or known
    best = min(with_interval, key=lambda name: with_interval[name].value or 0.0)
    sentences = [_about_best(text.quoted(best), cells[main.key][best], main, shown)]
    detectors = [
        m for m in study.measures if m is not main and text.split_key(m.key)[0] == text.split_key(main.key)[0]
    ]
    for measure in detectors:
        if cells[measure.key][best].value is not None:
            sentences.append(
                f"At equal {text.at_equal(measure.key, measure.title)}: {_amount(cells[measure.key][best])}."
            )
    luma = cells.get("psnr_y", {}).get(best)
    if main.key != "psnr_y" and luma is not None and luma.value is not None:
        sentences.append(f"At equal luma PSNR: {_amount(luma)}.")
    sentences.append(_count(cells, shown))
    return Verdict(tuple(sentences), main.key, best)


def _main_measure(study: Study, cells: dict[str, dict[str, Cell]]) -> Measure | None:
    """The first of `_FIRST` with an interval for half of the codecs; else for any codec; else with a figure."""
    ordered = [m for kind in _FIRST for m in study.measures if m.kind == kind]
    for enough in (
        lambda row: sum(c.half is not None for c in row) >= len(row) / 2,
        lambda row: any(c.half is not None for c in row),
        lambda row: any(c.value is not None for c in row),
    ):
        for measure in ordered:
            if enough(list(cells[measure.key].values())):
                return measure
    return None


def _about_best(name: str, cell: Cell, measure: Measure, anchor: str) -> str:
    equal = text.at_equal(measure.key, measure.title)
    assert cell.value is not None
    if cell.half is None:
        return f"{name} needs {_amount(cell)} than {anchor} at equal {equal}; this figure has no interval."
    if cell.tone == "win":
        return f"{name} needs {_amount(cell)} than {anchor} at equal {equal}."
    if cell.tone == "loss":
        return f"No codec saves bits at equal {equal}; the best is {name}, which needs {_amount(cell)} than {anchor}."
    return (
        f"No codec saves more bits against {anchor} than its interval at equal {equal}; the lowest BD-rate is "
        f"{text.percent(cell.value, cell.half).replace('-', '−')} %, of {name}."
    )


def _amount(cell: Cell) -> str:
    assert cell.value is not None
    interval = "" if cell.half is None else f" ± {cell.half:.1f}"
    amount = f"{abs(cell.value):.1f}{interval} % {'fewer' if cell.value < 0 else 'more'} bits"
    return amount if cell.half is None or cell.tone else f"{amount} (within the interval)"


def _count(cells: dict[str, dict[str, Cell]], anchor: str) -> str:
    all_cells = [c for row in cells.values() for c in row.values()]
    wins, losses = (sum(c.tone == tone for c in all_cells) for tone in ("win", "loss"))
    absent = sum(c.value is None for c in all_cells)
    bare = sum(c.value is not None and c.half is None for c in all_cells)
    rest = len(all_cells) - wins - losses - absent - bare
    counts = [
        (wins, "are savings larger than their interval", "is a saving larger than its interval"),
        (losses, "are losses larger than their interval", "is a loss larger than its interval"),
        (rest, "are within their interval of zero", "is within its interval of zero"),
        (bare, "have no interval", "has no interval"),
        (absent, "could not be computed", "could not be computed"),
    ]
    words = [f"{count} {one if count == 1 else many}" for count, many, one in counts if count]
    return (
        f"Of the {text.plural(len(all_cells), 'BD-rate')} against {anchor} in the tables (without single classes), "
        f"{text.listed(words)}."
    )
