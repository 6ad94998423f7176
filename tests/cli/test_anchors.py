"""The commands with the engines that take no weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from idse.cli.main import main


@pytest.fixture
def folder(tmp_path, monkeypatch, photograph):
    Image.fromarray(np.ascontiguousarray(photograph[60:156, 130:258])).save(tmp_path / "face.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("engine", "options", "suffix"),
    [
        ("x265", ["--preset", "fast", "--cb-qp-offset", "2", "--md5"], "hevc"),
        ("svtav1", ["--preset", "10", "--codec-depth", "8"], "obu"),
        (
            "x264",
            ["--codec-param", "no-deblock", "--codec-param", "direct=none", "--codec-depth", "10"],
            "h264",
        ),
        ("jpeg", ["--qp", "90"], "jpg"),
    ],
)
def test_there_and_back(folder, capfd, engine, options, suffix):
    assert (
        main(["encode", "face.png", "--engine", engine, *options, "--verify", "--recon", "rec.yuv", "--json"])
        == 0
    )
    out, err = capfd.readouterr()
    assert err == f"coded without a map: the {engine} engine takes none\n"
    told = json.loads(out)
    assert told["output"] == f"face.{suffix}"
    assert told["bytes"] == (folder / told["output"]).stat().st_size
    assert told["psnr"] > 30
    assert told["provenance"]["map"] is None
    assert main(["decode", told["output"], "-o", "back.yuv"]) == 0
    assert (folder / "back.yuv").read_bytes() == (folder / "rec.yuv").read_bytes()
    assert main(["encode", "face.png", "--engine", engine, *options, "--importance", "none"]) == 0
    assert capfd.readouterr().err == ""  # as asked: nothing to remark


def test_a_folder(folder, capfd):
    (folder / "in").mkdir()
    Image.open("face.png").save("in/a.png")
    assert main(["encode", "in", "--engine", "jpeg", "--qp", "50"]) == 0
    assert [p.name for p in (folder / "in-jpg").iterdir()] == ["a.jpg"]
    assert "coded without a map" in capfd.readouterr().err
