"""The commands on a real photograph, end to end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from idse import __version__
from idse.cli import run_encode
from idse.cli.main import main
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame
from idse.media.io import InputOptions, read_frames, write_frames


@pytest.fixture
def folder(tmp_path, monkeypatch, photograph):
    Image.fromarray(photograph).save(tmp_path / "cat.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def figures(capfd, *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    return json.loads(out)


def test_the_main_job(folder, capfd):
    assert (
        main(["encode", "cat.png", "--proj-dim", "8", "--preset", "0", "--verify", "--recon", "cat_rec.yuv"])
        == 0
    )
    out, err = capfd.readouterr()
    size = (folder / "cat.266").stat().st_size
    last = out.splitlines()[-1]
    assert re.fullmatch(rf"{size} bytes  [\d.]+ bpp  PSNR [\d.]+ dB  map [\d.]+ s  encode [\d.]+ s", last)
    assert err == ""

    assert main(["decode", "cat.266", "-o", "cat.yuv"]) == 0
    assert (folder / "cat.yuv").read_bytes() == (folder / "cat_rec.yuv").read_bytes()
    assert (folder / "cat.yuv").stat().st_size == 2 * 452 * 300 * 3 // 2

    assert main(["decode", "cat.266", "-o", "back.png"]) == 0
    back, source = (np.asarray(Image.open(p).convert("RGB")).astype(float) for p in ("back.png", "cat.png"))
    assert back.shape == (300, 452, 3)
    assert -10 * np.log10(((back[:, :451] - source) ** 2).mean() / 255**2) > 25

    assert main(["decode", "cat.266", "-o", "cat.y4m", "--bit-depth", "8"]) == 0
    assert read_frames(folder / "cat.y4m")[0].bit_depth == 8
    assert sorted(os.listdir(folder)) == [
        "back.png",
        "cat.266",
        "cat.png",
        "cat.y4m",
        "cat.yuv",
        "cat_rec.yuv",
    ]


def test_maps_go_in_and_out(folder, capfd):
    common = ("encode", "cat.png", "--preset", "0")
    made = figures(capfd, *common, "-o", "a.266", "--map-out", "a.idsew", "--seed", "3")
    again = figures(capfd, *common, "-o", "b.266", "--map-in", "a.idsew")
    other = figures(capfd, *common, "-o", "c.266", "--seed", "4")
    a, b, c = ((folder / f"{n}.266").read_bytes() for n in "abc")
    assert a == b
    assert a != c
    assert made["bytes"] == again["bytes"] == len(a)
    assert made["map_seconds"] > 0 == again["map_seconds"]
    assert made["provenance"]["map"]["seed"] == 3
    assert again["provenance"]["map"] == made["provenance"]["map"]
    assert other["provenance"]["settings"]["preset"] == 0

    drawn = figures(
        capfd, "map", "cat.png", "-o", "d.idsew", "--seed", "3", "--heatmap", "d.png", "--roi", "d.txt"
    )
    assert np.array_equal(WeightMap.load("a.idsew").planes, WeightMap.load("d.idsew").planes)
    assert (drawn["rows"], drawn["columns"], drawn["unit"]) == (38, 57, 8)
    assert Image.open("d.png").width == 452
    assert (folder / "d.txt").read_text().splitlines()[0] == "8 5"


@pytest.mark.parametrize("importance", ["activity", "none"])
def test_without_a_network(folder, importance):
    """No detector is wanted: torch stays unloaded."""
    code = (
        "import sys; from idse.cli.main import main\n"
        f"assert main(['encode', 'cat.png', '--importance', '{importance}', '--preset', '0']) == 0\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["a_128x96_8bit_420.yuv", "a.y4m"])
def test_video(folder, small_frame, capfd, name):
    frames = [
        small_frame,
        Frame(tuple(np.ascontiguousarray(p[::-1]) for p in small_frame.planes)),
        small_frame,
    ]
    write_frames(folder / name, frames)
    done = figures(
        capfd,
        "encode",
        name,
        "--frames",
        "1:3",
        "--preset",
        "0",
        "--importance",
        "activity",
        "--verify",
        "--md5",
    )
    assert len(done["frames"]) == 2
    told = figures(capfd, "info", done["output"])
    assert (told["frames"], told["md5_frames"], told["width"], told["height"]) == (2, 2, 128, 96)
    assert (told["bit_depth"], told["chroma_format"], told["profile"]) == (10, "420", "Main 10")
    assert sum(n["bytes"] for n in told["nals"]) == told["bytes"] == done["bytes"]
    figures(capfd, "decode", done["output"], "-o", "second.png", "--frames", "1:2")


def test_a_folder_is_resumed(folder, capfd):
    (folder / "in").mkdir()
    for i in range(3):
        Image.open("cat.png").crop((50 * i, 0, 50 * i + 64, 64)).save(f"in/{i}.png")
    arguments = ["encode", "in", "--importance", "none", "--preset", "0"]
    assert main(arguments) == 0
    streams = folder / "in-266"
    assert sorted(os.listdir(streams)) == ["0.266", "1.266", "2.266"]
    (streams / "1.266").unlink()
    stamp = (streams / "0.266").stat().st_mtime_ns
    capfd.readouterr()
    assert main(arguments) == 0
    out, err = capfd.readouterr()
    assert "2 of 3 are already in" in err
    assert len(out.splitlines()) == 1
    assert (streams / "0.266").stat().st_mtime_ns == stamp
    assert main([*arguments, "--overwrite"]) == 0
    assert (streams / "0.266").stat().st_mtime_ns != stamp


def test_rate_control(folder, capfd):
    done = figures(capfd, "encode", "cat.png", "--target-bpp", "0.4", "--preset", "0", "--importance", "none")
    assert done["bpp"] == pytest.approx(0.4, rel=0.02)


def test_grey_and_400(folder, capfd):
    Image.open("cat.png").convert("L").save("grey.png")
    figures(capfd, "encode", "grey.png", "--preset", "0", "--verify")
    told = figures(capfd, "info", "grey.266")
    assert (told["width"], told["height"], told["chroma_format"]) == (451, 300, "400")
    options = InputOptions(chroma="400")
    assert len(read_frames(folder / "cat.png", options)[0].planes) == 1


def test_the_alias(folder, monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["idse-encode", "--importance", "none", "--preset", "0", "cat.png"])
    with pytest.raises(SystemExit) as ended:
        run_encode()
    assert ended.value.code == 0
    assert (folder / "cat.266").exists()


def test_version_doctor_and_info(folder, capfd):
    assert main([]) == 0
    out, err = capfd.readouterr()
    assert "encode" in out
    assert err == ""
    assert main(["--version"]) == 0
    assert capfd.readouterr().out == f"idse {__version__}\n"
    assert main(["doctor"]) == 0
    out = capfd.readouterr().out
    assert "everything needed to code pictures works" in out
    (embedded,) = (line for line in out.splitlines() if "detector embedded" in line)
    assert re.search(r": [0-9a-f]{12}, (mean profiles of .*features|no profile over frequency)$", embedded)
    main(["encode", "cat.png", "--importance", "none", "--preset", "0"])
    capfd.readouterr()
    assert main(["info", "cat.266"]) == 0
    out = capfd.readouterr().out
    assert "452x300 (coded as 456x304)" in out
    assert "10 bit, 4:2:0" in out


@pytest.mark.parametrize(
    ("engine", "suffix", "qp"),
    [
        ("native", "266", 17),
        ("x265", "hevc", 17),
        ("x264", "h264", 17),
        ("svtav1", "obu", 15),
        ("jpeg", "jpg", 95),
    ],
)
def test_colours_come_back_as_they_were(folder, engine, suffix, qp):
    """Decoders that take unsaid ranges for limited ones must not stretch the picture: black stays 0, white 255."""
    ramp = np.linspace(0, 255, 128).round().astype(np.uint8)
    Image.fromarray(np.broadcast_to(ramp[None, :, None], (96, 128, 3)).copy()).save("ramp.png")
    out = f"ramp.{suffix}"
    assert (
        main(["encode", "ramp.png", "--engine", engine, "--importance", "none", "--qp", str(qp), "-o", out])
        == 0
    )
    assert main(["decode", out, "-o", "back.png"]) == 0
    back = np.asarray(Image.open("back.png")).astype(int)
    assert np.abs(back[:, :, 1] - ramp[None].astype(int)).mean() < 1.5
