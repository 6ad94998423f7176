"""`encode --scale` and `decode --size`: smaller streams that any decoder plays, and back."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from idse.cli.main import main
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame
from idse.media.io import read_frames, write_frames
from idse.media.scaling import RESAMPLING, scaled

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("detectors", "features")]
FAST = ("--preset", "0", "--importance", "activity")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photograph: np.ndarray) -> Path:
    """A picture of 192x128, and an odd one of 95x63."""
    Image.fromarray(np.ascontiguousarray(photograph[:128, 100:292])).save(tmp_path / "a.png")
    Image.fromarray(np.ascontiguousarray(photograph[40:103, 100:195])).save(tmp_path / "odd.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def figures(capfd: Any, *arguments: str) -> dict[str, Any]:
    capfd.readouterr()
    assert main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def test_there_and_back(folder: Path, capfd: Any) -> None:
    done = figures(capfd, "encode", "a.png", "--scale", "50", "--qp", "22", "--verify", "--recon", "r.yuv", *FAST)
    assert (done["scale"], done["coded_size"], done["source_size"]) == (50, [96, 64], [192, 128])
    assert done["bpp"] == 8 * done["bytes"] / (192 * 128)
    assert done["provenance"]["scale"] == {
        "percent": 50, "coded_size": [96, 64], "source_size": [192, 128], "resampling": RESAMPLING,
    }  # fmt: skip
    told = figures(capfd, "info", "a.266")
    assert (told["width"], told["height"]) == (96, 64)
    assert (folder / "r.yuv").stat().st_size == 2 * 96 * 64 * 3 // 2  # of the coded size

    told = figures(capfd, "decode", "a.266", "-o", "back.png", "--size", "192x128")
    assert (told["width"], told["height"]) == (192, 128)
    back, source = (np.asarray(Image.open(p).convert("RGB")).astype(float) for p in ("back.png", "a.png"))
    assert -10 * np.log10(((back - source) ** 2).mean() / 255**2) > 25
    assert main(["decode", "a.266", "-o", "small.y4m"]) == 0
    (small,) = read_frames(Path("small.y4m"))
    assert main(["decode", "a.266", "-o", "back.y4m", "--size", "192x128"]) == 0
    for a, b in zip(scaled(small, 192, 128).planes, read_frames(Path("back.y4m"))[0].planes, strict=True):
        assert np.array_equal(a, b)


def test_the_last_line_tells_both_sizes(folder: Path, capfd: Any) -> None:
    assert main(["encode", "a.png", "--scale", "70", *FAST]) == 0
    assert re.search(r"encode [\d.]+ s  134x90 \(70 % of 192x128\)$", capfd.readouterr().out.strip())


def test_the_full_size_is_the_default(folder: Path, capfd: Any) -> None:
    plain = figures(capfd, "encode", "a.png", "-o", "x.266", *FAST)
    given = figures(capfd, "encode", "a.png", "-o", "y.266", "--scale", "100", *FAST)
    assert Path("x.266").read_bytes() == Path("y.266").read_bytes()
    assert (plain["scale"], plain["coded_size"]) == (given["scale"], given["coded_size"]) == (100, [192, 128])
    assert plain["provenance"] == given["provenance"]


def test_maps_are_of_the_coded_size(folder: Path, capfd: Any) -> None:
    figures(capfd, "encode", "a.png", "--scale", "50", "--map-out", "half.idsew", "-o", "x.266", *FAST)
    assert (WeightMap.load("half.idsew").width, WeightMap.load("half.idsew").height) == (96, 64)
    figures(capfd, "encode", "a.png", "--scale", "50", "--map-in", "half.idsew", "-o", "y.266", "--preset", "0")
    assert Path("x.266").read_bytes() == Path("y.266").read_bytes()
    assert main(["encode", "a.png", "--map-in", "half.idsew"]) == 2
    assert "the weight map is for pictures of 96x64" in capfd.readouterr().err


def test_a_target_counts_the_sources_samples(folder: Path, capfd: Any) -> None:
    done = figures(capfd, "encode", "a.png", "--scale", "50", "--target-bpp", "0.5", *FAST)
    assert done["bytes"] == pytest.approx(0.5 * 192 * 128 / 8, rel=0.05)
    assert done["bpp"] == pytest.approx(0.5, rel=0.05)


def test_odd_and_grey_pictures(folder: Path, capfd: Any) -> None:
    Image.open("odd.png").convert("L").save("grey.png")
    for name, source in (("odd", [96, 64]), ("grey", [95, 63])):
        done = figures(capfd, "encode", f"{name}.png", "--scale", "33", "--verify", *FAST)
        assert (done["source_size"], done["coded_size"]) == (source, [32, 20 if name == "grey" else 22])
        figures(capfd, "decode", f"{name}.266", "-o", "back.png", "--size", "95x63")
        assert Image.open("back.png").size == (95, 63)


def test_a_tiny_picture(folder: Path, capfd: Any) -> None:
    Image.open("a.png").crop((0, 0, 3, 1)).save("tiny.png")
    done = figures(capfd, "encode", "tiny.png", "--scale", "5", "--verify", *FAST)
    assert done["coded_size"] == [2, 2]
    figures(capfd, "decode", "tiny.266", "-o", "back.png", "--size", "3x1")


def test_videos_and_folders(folder: Path, small_frame: Frame, capfd: Any) -> None:
    flipped = Frame(tuple(np.ascontiguousarray(p[::-1]) for p in small_frame.planes))
    write_frames(folder / "a.y4m", [small_frame, flipped])
    done = figures(capfd, "encode", "a.y4m", "--scale", "50", "--verify", *FAST)
    assert done["bpp"] == 8 * done["bytes"] / (2 * 128 * 96)
    told = figures(capfd, "decode", "a.266", "-o", "back.y4m", "--size", "128x96")
    assert (told["frames"], told["width"], told["height"]) == (2, 128, 96)

    (folder / "in").mkdir()
    for name in ("a.png", "odd.png"):
        os.rename(name, f"in/{name}")
    assert main(["encode", "in", "--scale", "50", *FAST]) == 0
    for name, size in (("a", (96, 64)), ("odd", (48, 32))):
        told = figures(capfd, "info", f"in-266/{name}.266")
        assert (told["width"], told["height"]) == size


@pytest.mark.parametrize(("engine", "suffix"), [("x265", "hevc"), ("jpeg", "jpg")])
def test_other_engines(folder: Path, capfd: Any, engine: str, suffix: str) -> None:
    done = figures(capfd, "encode", "a.png", "--engine", engine, "--scale", "50", "--importance", "none", "--verify")
    assert done["coded_size"] == [96, 64]
    told = figures(capfd, "decode", f"a.{suffix}", "-o", "back.png", "--size", "192x128")
    assert (told["width"], told["height"]) == (192, 128)


@pytest.mark.parametrize("target", ["features", "detections", "both"])
def test_auto(folder: Path, capfd: Any, target: str) -> None:
    """A detector of random weights: which size it takes is not known, but the stream must be of that size."""
    toys = pytest.importorskip("toys", reason="ONNX is not installed")
    toy = str(toys.yolox(folder / "toy.onnx", classes=80))
    auto = ("--scale", "auto", "--detector", toy, "--target", target, "--preset", "0", "--verify")
    done = figures(capfd, "encode", "a.png", "--target-bytes", "1200", *auto)
    choice = done["provenance"]["scale"]["choice"]
    costs = {t["scale"]: t["cost"] for t in choice["trials"]}
    assert list(costs) == [100, 85, 70, 50]
    assert costs[100] == (2 if target == "both" else 1)
    assert done["scale"] == min(costs, key=lambda scale: costs[scale])
    assert done["bytes"] == pytest.approx(1200, rel=0.05)
    told = figures(capfd, "info", "a.266")
    assert [told["width"], told["height"]] == done["coded_size"]
    assert done["choice_seconds"] > 0

    at_qp = figures(capfd, "encode", "a.png", "--qp", "37", *auto)
    assert at_qp["provenance"]["settings"]["qp"] <= 37


def test_auto_for_a_folder_with_the_default_detector(folder: Path, capfd: Any) -> None:
    (folder / "in").mkdir()
    for name in ("a.png", "odd.png"):
        os.rename(name, f"in/{name}")
    assert main(["encode", "in", "--scale", "auto", "--qp", "42", "--preset", "0"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [re.findall(r"% of (\w+)\)$", line) for line in lines] == [["192x128"], ["96x64"]]
