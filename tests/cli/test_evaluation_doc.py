"""The tutorial of docs/evaluation.md runs as it stands."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from idse.cli.main import main

DOC = Path(__file__).parents[2] / "docs" / "evaluation.md"
sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("detectors", "features")]


def test_tutorial(tmp_path, monkeypatch, photograph, capsys):
    toys = pytest.importorskip("toys", reason="ONNX is not installed")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for i in range(2):
        Image.fromarray(photograph[60 * i : 60 * i + 176, 80 * i : 80 * i + 192]).save(f"photos/{i}.png")
    toys.yolox(tmp_path / "detector.onnx", classes=80)

    tutorial = DOC.read_text().split("## The plan")[0]
    (plan,) = re.findall(r"```toml\n(.*?)```", tutorial, re.DOTALL)
    Path("plan.toml").write_text(plan)
    commands = [
        line for block in re.findall(r"```sh\n(.*?)```", tutorial, re.DOTALL) for line in block.splitlines()
    ]
    assert [c.split()[1] for c in commands] == ["sweep", "sweep", "report", "sweep", "compare"]
    said = []
    for command in commands:
        program, *arguments = command.split()
        assert program == "idse"
        assert main(arguments) == 0, command
        said.append(capsys.readouterr())
    assert "34 jobs" in said[0].err
    assert said[0].out == ""
    assert "all 32 cells" in said[1].out
    assert "8 jobs, 16 already in the store" in said[3].err  # the second sweep lacks only its new map
    assert Path("report.html").stat().st_size > 1_000_000
    assert "x265" in Path("figures.csv").read_text()
    assert "native" in said[4].out
