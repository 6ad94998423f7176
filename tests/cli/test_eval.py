"""`idse eval`: one codec over a data set, with what its entropy model promised."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from idse.cli.main import main
from idse.report.evaluation import estimate_line, evaluation_json
from idse.report.exports.compressai import read_compressai
from idse.study.evaluation import Wanted, evaluation_plan, read_evaluation, task_model_hint
from idse.sweeps.store import Store

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("detectors", "features")]


@pytest.fixture
def pictures(tmp_path: Path, photograph: np.ndarray) -> Path:
    """A folder of two, 192x176."""
    (tmp_path / "pictures").mkdir()
    for i in range(2):
        part = photograph[60 * i : 60 * i + 176, 80 * i : 80 * i + 192]
        Image.fromarray(np.ascontiguousarray(part)).save(tmp_path / "pictures" / f"{i}.png")
    return tmp_path / "pictures"


def test_a_trained_codec(tmp_path: Path, pictures: Path, untrained_codec: Any, capsys: Any) -> None:
    run, store, figures = tmp_path / "run", tmp_path / "s.sqlite", tmp_path / "f.json"
    run.mkdir()
    codec = untrained_codec("icm")
    codec.save(run / "codec.idsec")
    command = ["eval", str(run), "--images", str(pictures), "-j", "1"]
    assert main([*command, "--store", str(store), "--json", str(figures)]) == 0
    said = capsys.readouterr()
    assert "run over 2 pictures" in said.out
    assert [line.split("│")[1].strip() for line in said.out.splitlines() if "gain" in line] == [
        p.label for p in codec.points
    ]
    assert "on average over 4 streams" in said.out
    # What it says is what lies in the store.
    with Store(store) as opened:
        found = read_evaluation(opened, "eval run")
        sweep = opened.sweep("eval run")
        cells = [(qp, key, json.loads(f or "")) for _, _, _, qp, key, f in opened.cells(sweep)]
        promised = {key: opened.provenance(key)["estimated_bits"] for _, key, _ in cells}
    samples = 2 * 192 * 176
    for point in found.points:
        mine = [(key, f) for qp, key, f in cells if qp == point.qp]
        assert len(mine) == 2
        assert point.bpp == pytest.approx(8 * sum(f["bytes"] for _, f in mine) / samples)
        assert point.estimated_bpp == pytest.approx(sum(promised[key] for key, _ in mine) / samples)
        assert point.estimated_bpp is not None
        assert point.estimate_error == pytest.approx(100 * (point.estimated_bpp / point.bpp - 1))
        assert point.encode_seconds == pytest.approx(1e6 * sum(f["encode_cpu"] for _, f in mine) / samples)
        assert point.decode_seconds == pytest.approx(1e6 * sum(f["decode_cpu"] for _, f in mine) / samples)
    off = [abs(promised[key] / (8 * f["bytes"]) - 1) for _, key, f in cells]
    assert found.mean_error == pytest.approx(100 * sum(off) / 4)
    assert estimate_line(found) in said.out
    # The same, for CompressAI's plots and for idse compare.
    written = json.loads(figures.read_text())
    assert written == json.loads(json.dumps(evaluation_json(found)))
    assert written["results"]["bpp"] == sorted(p.bpp for p in found.points)
    assert written["results"]["estimated_bpp"] == [p.estimated_bpp for p in found.points[::-1]]
    (read,) = read_compressai([figures], "x").codecs
    assert set(read.qualities) == {"psnr_y", "ms_ssim"}
    assert read.qualities["psnr_y"] == tuple(p.qualities["psnr_y"] for p in found.points[::-1])
    # What is there is not coded again.
    assert main([*command, "--store", str(store), "--qp", "1"]) == 0
    said = capsys.readouterr()
    assert "0 jobs, 2 already in the store" in said.err
    assert codec.points[0].label not in said.out


def test_an_engine_with_a_detector(tmp_path: Path, pictures: Path, capsys: Any) -> None:
    toys = pytest.importorskip("toys", reason="ONNX is not installed")
    detector = toys.yolox(tmp_path / "toy.onnx", classes=80)
    figures = tmp_path / "f.json"
    assert main(
        ["eval", "q=jpeg", "--images", str(pictures), "--qp", "80,20", "--detector", str(detector), "-j", "1",
         "--json", str(figures)]
    ) == 0  # fmt: skip
    said = capsys.readouterr()
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in said.out.splitlines() if "QP" in line
    ]
    assert [row[0] for row in rows] == ["QP 80", "QP 20"]  # by falling rate
    assert [row[2] for row in rows] == ["–", "–"]  # nothing is estimated
    assert "differ by" not in said.out
    assert "temporary store" in said.err
    results = json.loads(figures.read_text())["results"]
    assert results["qp"] == [20, 80]
    assert results["features:toy"][0] < results["features:toy"][1]
    assert "estimated_bpp" not in results
    assert [row[1] for row in rows] == [f"{b:.4f}" for b in results["bpp"][::-1]]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.json", "pictures", "toy.onnx"]


def test_task_models_go_into_the_plan(tmp_path: Path, pictures: Path, untrained_codec: Any) -> None:
    toys = pytest.importorskip("toys", reason="ONNX is not installed")
    untrained_codec("icm").save(tmp_path / "odd, name=1.idsec")
    plan = evaluation_plan(
        Wanted(
            target=str(tmp_path / "odd, name=1.idsec"),
            images=pictures,
            detectors=[str(toys.yolox(tmp_path / "toy.onnx", classes=80))],
            task_models=[f"toy={tmp_path}/task-{{qp}}.onnx"],
        )
    )
    (codec,) = plan.codecs
    assert (codec.name, codec.engine, codec.qps) == ("odd, name=1", "learned", (0, 1))
    assert codec.options == {"codec": str(tmp_path / "odd, name=1.idsec")}
    assert dict(codec.task_models) == {"toy": str(tmp_path / "task-{qp}.onnx")}


def test_says_that_a_detector_was_trained_too(tmp_path: Path) -> None:
    for name in ("codec.idsec", "task-0.onnx", "task-1.onnx"):
        (tmp_path / name).touch()
    wanted = Wanted(str(tmp_path), tmp_path, detectors=["d.onnx"])
    assert f"--task-model DETECTOR={tmp_path}/task-{{qp}}.onnx" in task_model_hint(wanted)
    assert task_model_hint(dataclasses.replace(wanted, task_models=["d=x.onnx"])) == ""
    assert task_model_hint(dataclasses.replace(wanted, detectors=[])) == ""
    assert task_model_hint(dataclasses.replace(wanted, target="x265")) == ""
    (tmp_path / "task-0.onnx").unlink()
    assert task_model_hint(wanted) == ""
