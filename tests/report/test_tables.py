"""The tables hold the study's figures, say why there is none, and mark what an interval carries."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from idse.importance.settings import ImportanceSettings
from idse.metrics.bd_rate import BdRate, bd_rate
from idse.metrics.bootstrap import half_interval, resamples
from idse.metrics.pareto import pareto_front
from idse.report.matched import find_families, matched_families
from idse.report.provenance import provenance
from idse.report.tables import bd_cell, bd_tables, class_tables, per_picture_table, points_table
from idse.report.verdict import verdict
from idse.study import Figure, Measure, Study


def test_cells_are_the_studys_figures(study: Study) -> None:
    fidelity, eye, lynx = bd_tables(study, "plain")
    rows = dict(fidelity.rows)
    assert list(rows) == [c.name for c in study.codecs[1:]]
    assert [c.title for c in fidelity.columns][:5] == ["BD-Y", "BD-U", "BD-V", "BD-6:1:1", "MS-SSIM"]
    figure = study.figure("plain", "weighted tau=0.05", "psnr_y")
    cell = rows["weighted tau=0.05"][0]
    assert (cell.value, cell.half) == (figure.value.percent, figure.half)
    assert cell.value == pytest.approx(6.0, abs=1.5) and cell.tone == "loss"
    columns = [c.title for c in eye.columns]
    assert columns == ["features", "AP vs uncompressed", "mAP boxes", "AP50 boxes", "mAP masks", "AP50 masks"]
    assert "mAP masks" not in [c.title for c in lynx.columns]
    gain = dict(eye.rows)["weighted tau=0.05"][columns.index("mAP boxes")]
    assert gain.value is not None and gain.value < -20 and gain.tone == "win"
    # Times: 6 % more by construction; the map's second per megapixel stands apart.
    assert [c.text for c in rows["weighted tau=0.05"][5:]] == ["106", "100", "1.00"]
    assert [c.text for c in rows["sizes"][5:]][2] == "–"


def test_what_has_no_figure_says_why(study: Study) -> None:
    fidelity = bd_tables(study, "plain")[0]
    cell = dict(fidelity.rows)[study.codecs[-1].name][0]
    assert cell.value is None and cell.text == "n/a" and "overlap" in cell.note
    assert fidelity.notes[cell.note] == 1


@pytest.mark.parametrize(
    ("percent", "half", "overlap", "text", "tone", "note"),
    [
        (-20.53, 1.94, 0.9, "-20.5 ±1.9", "win", ""),
        (-1.2, 1.3, 0.9, "-1.2 ±1.3", "", ""),
        (3.0, 1.0, 0.31, "+3.0 ±1.0", "loss", "the curves share only 31 % of their quality range"),
        (-0.04, None, 0.9, "0.0", "", ""),
    ],
)
def test_a_bd_rate_as_a_cell(
    percent: float, half: float | None, overlap: float, text: str, tone: str, note: str
) -> None:
    cell = bd_cell(Figure(BdRate(percent, "", overlap), half))
    assert (cell.text, cell.tone, cell.note) == (text, tone, note)


def test_classes_with_their_mean(study: Study) -> None:
    tables = {t.key: t for t in class_tables(study, "plain")}
    assert list(tables) == ["class-eye-boxes", "class-eye-masks", "class-lynx-boxes"]
    table = tables["class-lynx-boxes"]
    mean = study.figure("plain", "sizes", "map_box:lynx").value.percent
    assert table.rows[0][0] == "all classes" and table.rows[0][1][2].value == mean
    assert all(any(c.value is not None for c in cells) for _, cells in table.rows)
    assert all(c.half is None for _, cells in table.rows[1:] for c in cells)


def test_pictures_own_figures_are_counted(study: Study) -> None:
    table = per_picture_table(study, "plain")
    cell = dict(table.rows)["weighted tau=0.5"][0]
    assert cell.text.endswith("(4)") and cell.value == pytest.approx(2.0, abs=1.5)
    assert dict(table.rows)[study.codecs[-1].name][0].text == "n/a"


def test_points_of_every_codec(study: Study) -> None:
    table = points_table(study)
    assert [name for name, _ in table.rows].count("sizes") == 10
    name, cells = table.rows[0]
    point = study.points(name, "psnr_y")[0]
    assert [c.value for c in cells[:4]] == [point.qp, point.scale, point.bpp, point.quality]


def test_intervals_along_pareto_fronts_are_those_of_each_draw(study: Study) -> None:
    """The study takes all draws at once; here each by itself."""
    draws = resamples(len(study.items), 40, 0)
    found = []
    for counts in draws:
        sides = []
        for codec in ("plain", "sizes"):
            grid = study._grids[codec]
            rate, quality = grid.bytes @ counts, grid.psnr[0] @ counts / counts.sum()
            front = pareto_front(rate.tolist(), quality.tolist())
            sides += [rate[front], quality[front]]
        found.append(bd_rate(*sides).percent)
    assert study.figure("plain", "sizes", "psnr_y").half == pytest.approx(half_interval(found), rel=1e-6)


BALANCED = "gamma 0.75 (balanced)"


def test_families_differ_in_tau_alone(study: Study) -> None:
    assert [(f.name, f.parameter, f.values) for f in find_families(study.codecs)] == [
        ("weighted", "tau", (0.05, 0.5))
    ]
    found = matched_families(study, "plain")
    assert found is not None
    gains = {m.key: k for k, m in enumerate(found.gains)}
    name, cells = found.table.rows[0]
    cost = float(name.split("+")[1].split()[0])
    costs, gain = (
        [found.percents[m][c] for c in found.families[0].codecs] for m in ("psnr_y", "map_box:eye")
    )
    wanted = np.interp(cost, sorted(costs), [g for _, g in sorted(zip(costs, gain, strict=True))])
    assert cells[gains["map_box:eye"]].value == pytest.approx(wanted)
    assert found.along == "tau"
    assert matched_families(study, "weighted tau=0.5") is None


def test_families_differ_in_gamma_alone(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = study.codec("weighted tau=0.5")
    of = {
        "idse tuning=machine": {"tau": 0.2, "gamma": 1.5},
        "idse": {"tau": 0.2},  # gamma is at its default
        "idse tuning=fidelity": {"tau": 0.2, "gamma": 0},
        "idse tau=0.1": {"tau": 0.1},
        "idse preset=1 gamma=0": {"tau": 0.2, "gamma": 0, "preset": 1},
    }
    codecs = [dataclasses.replace(codec, name=name, settings=settings) for name, settings in of.items()]
    plain = dataclasses.replace(codec, name="plain gamma=1", settings={"gamma": 1}, importance=None)
    assert [(f.name, f.parameter, f.values, f.codecs) for f in find_families([*codecs, plain])] == [
        ("idse", "tau", (0.1, 0.2), ("idse tau=0.1", "idse")),
        ("idse", "gamma", (0, 0.75, 1.5), ("idse tuning=fidelity", "idse", "idse tuning=machine")),
    ]
    gammas = {"weighted tau=0.05": {"gamma": 0.0}, "weighted tau=0.5": {"gamma": 1.0}}
    changed = [dataclasses.replace(study.codec(name), settings=settings) for name, settings in gammas.items()]
    monkeypatch.setattr(study, "codecs", changed)
    found = matched_families(study, "plain")
    assert found is not None
    assert found.along == "gamma"
    assert "interpolated along gamma" in found.table.caption
    (family,) = found.plot_data()["families"]
    assert (family["parameter"], family["values"]) == ("gamma", [0, 1])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            None,
            ("eye", "features and detections", "scores", "2, at the decoded picture", f"own profile, {BALANCED}"),
        ),
        (ImportanceSettings("none"), ("no map", "–", "–", "–", "–")),
        (ImportanceSettings("activity"), ("activity", "–", "–", "–", "–")),
        (ImportanceSettings("roi", "folder/a.onnx"), ("a", "boxes", "–", "–", "–")),
        (
            ImportanceSettings(detector="a.onnx+b", target="features", profile_prior=0.5),
            ("a + b", "features", "–", "1, at the source", f"own profile with 50 % of embedded's, {BALANCED}"),
        ),
        (
            ImportanceSettings(target="detections"),
            ("embedded", "detections", "default", "1, at the source", f"embedded's mean profile, {BALANCED}"),
        ),
        (
            ImportanceSettings(target="both", passes=2, profile="none"),
            ("embedded", "features and detections", "default", "2, at the source and the decoded picture", "–"),
        ),
    ],
)
def test_provenance_says_what_maps_are_of(
    study: Study, monkeypatch: pytest.MonkeyPatch, settings: ImportanceSettings | None, said: tuple[str, ...]
) -> None:
    codec = study.codec("weighted tau=0.05")
    if settings is not None:
        used = None if settings.method == "none" else settings.deciding()
        codec = dataclasses.replace(codec, importance=used)
    monkeypatch.setattr(study, "codecs", [codec])
    (found,) = provenance(study, "plain", "pchip", 40).codecs
    assert (found.maps_of, found.target, found.metric, found.passes, found.frequency) == said


def test_provenance_says_how_frequencies_are_weighted(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = study.codec("weighted tau=0.05")
    uniform = {"method": "none", "profile": "lowpass"}
    for importance, settings, said in (
        (uniform, {"gamma": 1.5}, ("uniform", "made-up low-pass profile, gamma 1.5 (machine)")),
        (uniform | {"method": "activity"}, {"gamma": 0.7}, ("activity", "made-up low-pass profile, gamma 0.7")),
        ({"method": "jacobian", "detector": "eye"}, {}, ("eye", "–")),  # of a store from before profiles
    ):
        changed = dataclasses.replace(codec, importance=importance, settings=settings)
        monkeypatch.setattr(study, "codecs", [changed])
        (found,) = provenance(study, "plain", "pchip", 40).codecs
        assert (found.maps_of, found.frequency) == said


def test_provenance_names_the_decoder_that_verified(study: Study) -> None:
    found = provenance(study, "plain", "pchip", 40)
    assert {codec.verified for codec in found.codecs} == {"an independent decoder"}
    assert dict(found.terms)["Ground truth of AP vs uncompressed"].endswith("with a score above 0.3")


class _Few:
    """A study of two codecs against an anchor on two measures."""

    codecs: ClassVar = [SimpleNamespace(name=n) for n in ("anchor", "one", "two")]
    measures: ClassVar = [
        Measure("psnr_y", "PSNR Y", "dB", "fidelity"),
        Measure("map_box:d", "mAP boxes, d", "", "detections"),
    ]

    def __init__(self, *figures: tuple[float | None, float | None]) -> None:
        cells = [(t, m.key) for t in ("one", "two") for m in self.measures]
        self._figures = dict(zip(cells, figures, strict=True))

    def figure(self, anchor: str, test: str, measure: str, method: str) -> Figure:
        percent, half = self._figures[test, measure]
        return Figure(BdRate(percent, "" if percent is not None else "none", 0.9), half)


@pytest.mark.parametrize(
    ("figures", "first", "last"),
    [
        (
            [(5.0, 1.0), (-20.0, 2.0), (1.0, 2.0), (-8.0, 1.0)],
            "one needs 20.0 ± 2.0 % fewer bits than anchor at equal mAP of d's boxes.",
            "2 are savings larger than their interval, 1 is a loss larger than its interval and 1 is within",
        ),
        (
            [(5.0, 1.0), (-1.0, 2.0), (1.0, 2.0), (3.0, 9.0)],
            "No codec saves more bits against anchor than its interval at equal mAP of d's boxes; "
            "the lowest BD-rate is −1.0 ±2.0 %, of one.",
            "(without single classes), 1 is a loss larger than its interval and 3 are within their interval of zero.",
        ),
        (
            [(5.0, 1.0), (6.0, 2.0), (1.0, 2.0), (None, None)],
            "No codec saves bits at equal mAP of d's boxes; the best is one, which needs "
            "6.0 ± 2.0 % more bits than anchor.",
            "1 could not be computed",
        ),
        (
            [(-3.0, 1.0), (None, None), (-5.0, 1.0), (None, None)],
            "two needs 5.0 ± 1.0 % fewer bits than anchor at equal luma PSNR.",
            "2 are savings larger than their interval and 2 could not be computed"
        ),
        (
            [(5.0, 1.0), (-30.0, None), (1.0, 2.0), (-4.0, 1.0)],
            "two needs 4.0 ± 1.0 % fewer bits than anchor at equal mAP of d's boxes.",
            "1 is a saving",
        ),
        (
            [(None, None)] * 4,
            "There is no BD-rate against anchor; the notes under the tables give the reasons.",
            "There is no BD-rate",
        ),
    ],
)  # fmt: skip
def test_the_verdict_says_what_intervals_carry(figures: Any, first: str, last: str) -> None:
    said = verdict(_Few(*figures), "anchor")  # type: ignore[arg-type]
    assert said.sentences[0] == first
    assert last in said.sentences[-1]
