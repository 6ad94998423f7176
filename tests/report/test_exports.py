"""CSV there and back, Markdown and LaTeX that survive any name, CompressAI's shape."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from idse.errors import IdseError
from idse.report.exports.compressai import compressai, read_compressai
from idse.report.exports.csv_files import figures_csv, points_csv, read_points_csv, table_csv
from idse.report.exports.latex import escape, latex
from idse.report.exports.markdown import markdown
from idse.report.exports.plain import plain
from idse.report.results import CodecResults, Position, from_study
from idse.report.tables import Cell, Column, Table
from idse.study import Study

TABLE = Table(
    "t",
    "50 % of a_b & c",
    "codec",
    (Column("BD-Y", "BD-rate %", "%"), Column("mAP", "eye_1", "%")),
    (
        (r"a|b_{c} 100% #1 \x ~^$ <i>", (Cell("-1.5 ±0.2", -1.5, 0.2, "win"), Cell("n/a", note="too | few"))),
        ("plain", (Cell("+3.0", 3.0), Cell("0.0", 0.01, 0.5))),
    ),
)


def test_points_survive_csv(study: Study, tmp_path: Path) -> None:
    results = from_study(study)
    path = tmp_path / "points.csv"
    path.write_text(points_csv(results))
    again = read_points_csv(path)
    assert list(again.titles) == list(results.titles)
    for codec, read in zip(results.codecs, again.codecs, strict=True):
        assert (read.name, read.version, read.settings_hash) == (
            codec.name,
            codec.version,
            codec.settings_hash,
        )
        assert read.positions == codec.positions
        for key, values in codec.qualities.items():
            assert read.qualities[key] == pytest.approx(values, rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("a,b\n1,2\n", "first line must begin with codec,engine"),
        ("codec,engine,version,settings_hash,qp,scale,bpp,psnr_y\nx,e,v,h,22\n", "line 2 has 5 fields"),
        ("codec,engine,version,settings_hash,qp,scale,bpp,psnr_y\nx,e,v,h,22,100,fast,30\n", "codec 'x'"),
    ],
)
def test_other_csv_is_refused(tmp_path: Path, words: str, complaint: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(words)
    with pytest.raises(IdseError, match=complaint):
        read_points_csv(path)


def test_every_figure_is_in_the_csv(study: Study) -> None:
    rows = list(csv.DictReader(io.StringIO(figures_csv(study, "plain"))))
    assert len(rows) == (len(study.codecs) - 1) * len(study.measures)
    row = next(r for r in rows if r["codec"] == "sizes" and r["measure"] == "map_box:eye")
    figure = study.figure("plain", "sizes", "map_box:eye")
    assert float(row["bd_rate_percent"]) == pytest.approx(figure.value.percent, rel=1e-5)
    assert all(bool(r["bd_rate_percent"]) != bool(r["reason"]) for r in rows)


def test_a_table_as_csv() -> None:
    rows = list(csv.reader(io.StringIO(table_csv(TABLE))))
    assert rows[0] == ["codec", "BD-Y [%]", "BD-Y [%] ±", "eye_1 mAP [%]", "eye_1 mAP [%] ±", "remarks"]
    assert rows[1][1:] == ["-1.5", "0.2", "", "", "eye_1 mAP: too | few"]


def test_markdown_rows_have_the_columns_of_the_head() -> None:
    lines = [line for line in markdown("A *title*", [TABLE], "seed 0").splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {4}
    assert r"a\|b\_{c}" in lines[2] and "&lt;i>" in lines[2] and r"-1.5 ±0.2\*" in lines[2]


def test_latex_escapes(tmp_path: Path) -> None:
    assert escape(r"a\b_{c} 5% & #$~^") == (
        r"a\textbackslash{}b\_\{c\} 5\% \& \#\$\textasciitilde{}\textasciicircum{}"
    )
    words = latex([TABLE], "seed 0\nhost")
    assert r"\textbf{$-$1.5} {\scriptsize $\pm$\,0.2} & n/a\textsuperscript{1} \\" in words
    assert words.count(r"\begin{") == words.count(r"\end{") == 2
    assert words.startswith("% seed 0 host\n")
    if compiler := shutil.which("pdflatex"):
        document = (
            rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{words}\end{{document}}"
        )
        (tmp_path / "t.tex").write_text(document)
        done = subprocess.run(
            [compiler, "-interaction=batchmode", "t.tex"], cwd=tmp_path, capture_output=True
        )
        assert done.returncode == 0, done.stdout[-2000:]


def test_plain_tables_go_on_below() -> None:
    many = Table(
        "t", "Many", "codec", tuple(Column(f"column {i}") for i in range(30)),
        (("x", tuple(Cell(str(i), i) for i in range(30))),),
    )  # fmt: skip
    lines = plain(many).splitlines()
    assert max(map(len, lines)) <= 120
    assert sum(line.startswith("codec") for line in lines) > 1
    assert [w for line in lines if line.startswith("x ") for w in line.split()[1:]] == [
        str(i) for i in range(30)
    ]


def test_compressai_shape_there_and_back(study: Study, tmp_path: Path) -> None:
    codec = from_study(study).codecs[0]
    written = json.loads(json.dumps(compressai(codec)))
    assert set(written) == {"name", "description", "results"}
    results = written["results"]
    assert {"bpp", "psnr-y", "ms-ssim-y", "map_box:eye"} <= set(results)
    assert len({len(v) for v in results.values()}) == 1
    assert results["bpp"] == sorted(results["bpp"]) and all(0 < v < 1 for v in results["ms-ssim-y"])
    path = tmp_path / "plain.json"
    path.write_text(json.dumps(written))
    again = read_compressai([path], "x").codecs[0]
    order = codec.front("psnr_y")
    for key in ("psnr_y", "ms_ssim", "pseudo_ap:lynx"):
        assert again.qualities[key] == pytest.approx([codec.qualities[key][i] for i in order])


def test_a_file_of_compressais_own(tmp_path: Path) -> None:
    own = {
        "name": "VTM",
        "results": {"bpp": [0.1, 0.2], "psnr": [30.0, 33.0], "ms-ssim": [0.9, 1.0], "encoding_time": [1, 2]},
    }
    path = tmp_path / "vtm.json"
    path.write_text(json.dumps(own))
    codec = read_compressai([path], "x").codecs[0]
    assert codec.name == "VTM" and codec.qualities["ms-ssim"][0] == pytest.approx(10.0)
    assert math.isinf(codec.qualities["ms-ssim"][1]) and "encoding_time" not in codec.qualities
    path.write_text('{"name": "x", "results": {"bpp": [1], "psnr": [1, 2]}}')
    with pytest.raises(IdseError, match="the lists differ in length"):
        read_compressai([path], "x")


def test_the_front_of_several_sizes() -> None:
    positions = tuple(
        Position(qp, scale, bpp) for qp, scale, bpp in [(22, 100, 2.0), (32, 100, 1.0), (22, 50, 1.1)]
    )
    codec = CodecResults("x", "", "", "", positions, {"psnr_y": (40.0, 30.0, 29.0)})
    assert codec.front("psnr_y") == (1, 0)
