"""Two sets of results: what the BD-rates are, which points and settings differ, what only one has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idse.errors import IdseError
from idse.report.compare import compare, load_results, rendered
from idse.report.results import CodecResults, Position, Results, from_study


def _codec(name: str, rate: float = 1.0, settings: Mapping[str, Any] | None = None) -> CodecResults:
    positions = tuple(Position(qp, 100, rate * 2 ** (-qp / 6)) for qp in (22, 27, 32, 37))
    return CodecResults(
        name,
        "native",
        "1.0",
        "abc",
        positions,
        {"psnr_y": (44.0, 41.0, 38.0, 35.0)},
        settings or {"preset": 2},
    )


def _results(*codecs: CodecResults, **about: Any) -> Results:
    return Results("x", {"psnr_y": "PSNR Y"}, codecs, about)


def test_a_tenth_more_bits_is_ten_per_cent() -> None:
    found = compare(_results(_codec("a"), _codec("b")), _results(_codec("b", 1.1), _codec("a")))
    assert found.bd is not None and found.points is not None and found.settings is None
    rows = dict(found.bd.rows)
    assert rows["a"][0].text == "0.0" and rows["b"][0].value == pytest.approx(10.0)
    assert [name for name, _ in found.points.rows] == ["b"] * 4
    assert found.points.rows[0][1][4].text == "+10.00"
    assert found.remarks == ("4 points are equal in every measure; 4 points differ.",)


def test_settings_that_differ() -> None:
    a = _results(
        _codec("x", settings={"settings": {"tau": 0.1, "preset": 2}}),
        idse="0.1",
        created="now",
        packages={"n": "1"},
    )
    b = _results(
        _codec("x", settings={"settings": {"tau": 0.2, "preset": 2}}),
        idse="0.2",
        created="then",
        packages={"n": "1"},
    )
    found = compare(a, b)
    assert found.points is None and found.settings is not None
    assert [(name, *[c.text for c in cells]) for name, cells in found.settings.rows] == [
        ("whole sweep", "idse", "0.1", "0.2"),
        ("x", "settings.tau", "0.1", "0.2"),
    ]


def test_settings_in_files() -> None:
    a, b = (_results(_codec("x", settings={"tau": tau})) for tau in (0.1, 0.2))
    assert "x,tau,0.1,0.2," in rendered(compare(a, b), ".csv", ("a", "b"))
    assert "| x | tau | 0.1 | 0.2 |" in rendered(compare(a, b), ".md", ("a", "b"))


def test_what_only_one_has() -> None:
    fewer = _codec("a")
    fewer = replace(fewer, positions=fewer.positions[:3], qualities={"psnr_y": fewer.qualities["psnr_y"][:3]})
    found = compare(_results(_codec("a"), _codec("old")), _results(fewer, _codec("new"), _codec("newer")))
    assert found.remarks[1:] == (
        "Only A has the codec old.",
        "Only A has a at QP 37.",
        "Only B has the codecs new and newer.",
    )


def test_other_pictures_are_told() -> None:
    a, b = (replace(_results(_codec("x")), items=items) for items in (("p", "q", "r"), ("p", "s")))
    assert compare(a, b).remarks[0] == "The pictures are not the same: A has 3, B has 2, and they have 1 in common."


def test_nothing_in_common() -> None:
    with pytest.raises(IdseError, match="no codec is in both results: A has a and b, B has c and d"):
        compare(_results(_codec("a"), _codec("b")), _results(_codec("c"), _codec("d")))
    other = replace(_codec("a"), qualities={"ms_ssim": (1.0, 2.0, 3.0, 4.0)})
    with pytest.raises(IdseError, match="no measure is in both results"):
        compare(_results(_codec("a")), Results("y", {"ms_ssim": "MS-SSIM"}, (other,)))


def test_two_single_codecs_need_no_common_name() -> None:
    found = compare(_results(_codec("hm")), _results(_codec("vtm", 0.7)))
    assert found.bd is not None and found.bd.rows[0][0] == "vtm against hm"
    assert found.bd.rows[0][1][0].value == pytest.approx(-30.0)


def test_sources(store: Path, tmp_path: Path) -> None:
    loaded = load_results(str(store))
    assert loaded == load_results(f"{store}:made-up")
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "x.json").write_text(
        json.dumps({"name": "plain", "results": {"bpp": [0.1, 0.2, 0.4], "psnr-y": [30, 33, 36]}})
    )
    theirs = load_results(str(folder))
    assert [c.name for c in theirs.codecs] == ["plain"]
    found = compare(loaded, theirs)
    assert found.bd is not None and [name for name, _ in found.bd.rows] == ["plain"]
    # Theirs says no QP: no point is taken for another.
    assert found.points is None and not any("at QP" in remark for remark in found.remarks)
    with pytest.raises(IdseError, match="no sweep 'other'"):
        load_results(f"{store}:other")


def test_the_same_study_from_two_sources(study: Any, store: Path) -> None:
    found = compare(from_study(study), load_results(str(store)))
    assert found.points is None and found.settings is None
    page = rendered(found, ".html", ("a.sqlite", "b.sqlite"))
    assert "else&lt;where&gt;" in page and "<where>" not in page
