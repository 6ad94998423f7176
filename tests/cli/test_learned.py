"""The commands with a learned codec: there and back, what a stream holds, a folder."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from idse.cli.main import main


@pytest.fixture
def folder(tmp_path, monkeypatch, photograph, untrained_codec):
    Image.fromarray(np.ascontiguousarray(photograph[60:156, 130:258])).save(tmp_path / "face.png")
    untrained_codec().save(tmp_path / "a.idsec")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_and_back(folder, capfd):
    arguments = ["encode", "face.png", "--engine", "learned", "--codec", "a.idsec", "--qp", "1"]
    assert main([*arguments, "--verify", "--md5", "--recon", "rec.yuv", "--json"]) == 0
    out, err = capfd.readouterr()
    assert err == "coded without a map: the learned engine takes none\n"
    told = json.loads(out)
    data = (folder / "face.idsl").read_bytes()
    assert (told["output"], told["bytes"]) == ("face.idsl", len(data))
    assert told["provenance"]["point"]["label"] == "gain 100"
    assert told["provenance"]["estimated_bits"] > 0
    assert main(["decode", "face.idsl", "--codec", "a.idsec", "-o", "back.yuv"]) == 0
    assert (folder / "back.yuv").read_bytes() == (folder / "rec.yuv").read_bytes()
    assert capfd.readouterr().out == "1 frame  128x96  8 bit  420  back.yuv\n"
    assert main(["decode", "face.idsl", "--codec", "a.idsec", "-o", "back.png"]) == 0
    assert Image.open("back.png").size == (128, 96)
    # The codec's file says what the stream is, whatever its name.
    (folder / "face.idsl").rename("stream")
    assert main(["decode", "stream", "--codec", "a.idsec", "-o", "again.yuv"]) == 0
    assert (folder / "again.yuv").read_bytes() == (folder / "rec.yuv").read_bytes()


def test_info_says_what_a_stream_holds(folder, capfd):
    arguments = ["--engine", "learned", "--codec", "a.idsec", "--qp", "0", "--importance", "none"]
    assert main(["encode", "face.png", *arguments, "--md5"]) == 0
    assert main(["info", "face.idsl", "--json"]) == 0
    told = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (told["width"], told["height"], told["frames"], told["bit_depth"]) == (128, 96, 1, 8)
    assert told["bytes"] == (folder / "face.idsl").stat().st_size
    assert sum(map(sum, told["strings"])) == told["string_bytes"] < told["bytes"]
    assert len(told["checksums"]) == 1
    assert main(["info", "face.idsl"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "size      128x96"
    assert lines[-1] == f"{told['bytes']} bytes  {8 * told['bytes'] / (128 * 96):.4f} bpp"


def test_frames_of_a_stream_and_a_folder_of_pictures(folder, capfd):
    two = np.tile(np.arange(96 * 128, dtype=np.uint16).astype(np.uint8), 3).tobytes()[: 128 * 96 * 3 // 2] * 2
    (folder / "clip_128x96_8bit_420.yuv").write_bytes(two)
    arguments = ["--engine", "learned", "--codec", "a.idsec", "--qp", "1", "--importance", "none"]
    assert (
        main(["encode", "clip_128x96_8bit_420.yuv", *arguments, "-o", "two.idsl", "--recon", "rec.yuv"]) == 0
    )
    assert main(["decode", "two.idsl", "--codec", "a.idsec", "--frames", "1:2", "-o", "one.yuv"]) == 0
    assert (folder / "one.yuv").read_bytes() == (folder / "rec.yuv").read_bytes()[128 * 96 * 3 // 2 :]
    assert main(["decode", "two.idsl", "--codec", "a.idsec", "--frames", "1:4", "-o", "x.yuv"]) == 2
    assert "two.idsl: has 2 frames, frames 1:4 asked for: see --frames" in capfd.readouterr().err
    (folder / "in").mkdir()
    Image.open("face.png").save("in/a.png")
    assert main(["encode", "in", *arguments]) == 0
    assert [p.name for p in (folder / "in-idsl").iterdir()] == ["a.idsl"]
