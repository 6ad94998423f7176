"""Which checkpoints make the codec, and the files that they make."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

import torch

from idse.cli.main import main
from idse.errors import IdseError
from idse.learned.coding.codec_file import TrainedCodec
from idse.learned.training.checkpoint import RunFolder
from idse.learned.training.selection import pareto_points


def entry(epoch: int, bpp: float, **figures: float) -> dict[str, Any]:
    return {"epoch": epoch, "validation": {"bpp": bpp, "mse": 0.0, **figures}}


LOG = [
    entry(1, 0.9, psnr=30.0, task_loss=0.1),
    {"epoch": 2, "train": {}},
    entry(3, 0.5, psnr=31.0, task_loss=0.3),
    entry(4, 0.4, psnr=29.0, task_loss=0.2),
    entry(5, 0.1, psnr=25.0, task_loss=0.9),
    entry(6, 0.2, psnr=24.0, task_loss=float("nan")),
]


def test_front_by_falling_rate() -> None:
    assert pareto_points(LOG, "psnr", 9) == [3, 4, 5]
    assert pareto_points(LOG, "task_loss", 9) == [1, 4, 5]  # less is better


def test_only_what_may_be_chosen() -> None:
    assert pareto_points(LOG, "psnr", 9, first=4) == [4, 5]
    assert pareto_points(LOG, "psnr", 9, kept=[1, 4]) == [1, 4]


def test_points_lie_evenly_in_log_rate() -> None:
    log = [entry(i, rate, psnr=20 + i) for i, rate in enumerate((0.01, 0.011, 0.012, 0.1, 0.2, 0.9, 1.0))]
    assert pareto_points(log, "psnr", 3) == [6, 3, 0]
    assert pareto_points(log, "psnr", 2) == [6, 0]
    assert pareto_points(log, "psnr", 1) == [3]
    assert pareto_points(log, "psnr", 6) == sorted(pareto_points(log, "psnr", 6), reverse=True)
    assert len(set(pareto_points(log, "psnr", 6))) == 6


def test_nothing_to_choose() -> None:
    with pytest.raises(IdseError, match="no epoch to choose from"):
        pareto_points(LOG, "psnr", 3, first=7)
    with pytest.raises(
        IdseError, match="metric 'ap' was not measured in training: choose one of psnr, task_loss"
    ):
        pareto_points(LOG[:1], "ap", 3)


def test_points_are_the_checkpoints(finished: Path) -> None:
    codec, run = TrainedCodec.load(finished / "codec.idsec"), RunFolder(finished)
    log = {line["epoch"]: line["validation"] for line in run.read_log()}
    rates = [point.figures["bpp"] for point in codec.points]
    assert codec.name == "tiny"
    assert 1 < len(rates) <= 3
    assert rates == sorted(rates, reverse=True)
    for i, point in enumerate(codec.points):
        assert point.figures == log[point.epoch]
        weights = run.load(point.epoch)["codec"]
        model = codec.model(i).state_dict()
        parameters = [name for name, _ in codec.model(i).named_parameters() if "quantiles" not in name]
        assert parameters
        assert all(torch.equal(model[name], weights[name]) for name in parameters)
    assert codec.provenance["config"] == (finished / "config.toml").read_text()


def toy_config(tiny: Path, name: str, **changes: str) -> Path:
    """The tiny configuration with a toy detector as its task, two epochs, and other lines at will."""
    from toys import yolox

    yolox(tiny.parent / "toy.onnx", classes=80)
    text = tiny.read_text().replace("epochs = 16", "epochs = 2\ntask = 0.1")
    text = text.replace("[optimizer]", '[task]\nmodel = "toy.onnx"\n[optimizer]')
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path = tiny.parent / f"{name}.toml"
    path.write_text(text)
    return path


def test_trained_detectors_lie_beside_the_codec(tiny: Path) -> None:
    pytest.importorskip("onnx2torch")
    pytest.importorskip("onnxruntime")
    from idse.detectors import DetectorSettings, load_detector

    setup = ("[optimizer]", '[setup]\nname = "J-FT"\n[optimizer]')
    config = toy_config(tiny, "jft", setup=setup)
    run = tiny.parent / "jft"
    assert main(["train", str(config), "-o", str(run)]) == 0
    codec = TrainedCodec.load(run / "codec.idsec")
    files = sorted(run.glob("task-*"))
    assert [file.name for file in files] == [f"task-{i}.onnx" for i in range(len(codec.points))]
    picture = np.full((64, 96, 3), 0.5, np.float32)
    path = tiny.parent / "toy.onnx"
    fresh = load_detector(DetectorSettings(str(path))).observe([picture])[0].features[-1]
    trained = load_detector(DetectorSettings(str(files[0]))).observe([picture])[0].features[-1]
    assert trained.shape == fresh.shape
    assert not np.allclose(trained, fresh, rtol=0, atol=1e-4)


def test_a_frozen_decoder_stays_the_same_decoder(tiny: Path, finished: Path) -> None:
    """T-FT: the codec's file has the decoder of the one that it began with."""
    pytest.importorskip("onnx2torch")
    config = toy_config(
        tiny,
        "tft",
        setup=("[optimizer]", '[setup]\nname = "T-FT"\n[optimizer]'),
        init=("latent = 12", 'latent = 12\ninit = "finished/codec.idsec"\ninit_point = 1'),
    )
    assert finished.is_dir()
    assert main(["train", str(config), "-o", str(tiny.parent / "tft")]) == 0
    old, new = (TrainedCodec.load(tiny.parent / name / "codec.idsec") for name in ("finished", "tft"))
    assert [point.decoder_id for point in new.points] == [old.points[1].decoder_id]


def test_mask_takes_its_detector_along(tiny: Path, finished: Path) -> None:
    pytest.importorskip("onnx2torch")
    config = toy_config(
        tiny,
        "mask",
        setup=("[optimizer]", '[setup]\nname = "mask"\n[optimizer]'),
        init=(
            "latent = 12",
            'latent = 12\ninit = "finished/codec.idsec"\n[codec.mask]\ndetector = "toy.onnx"',
        ),
    )
    run = tiny.parent / "mask"
    assert main(["train", str(config), "-o", str(run)]) == 0
    codec = TrainedCodec.load(run / "codec.idsec")
    assert codec.detector == (tiny.parent / "toy.onnx").read_bytes()
    mask = codec.settings.mask
    assert mask is not None
    assert mask.level is not None
    assert len(mask.sha256) == 64
    assert TrainedCodec.load(finished / "codec.idsec").points[0].decoder_id in {
        point.decoder_id for point in codec.points
    }


def test_selection_alone(finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(text.replace("points = 3", "points = 1"))
    checkpoints = {path.name: path.stat().st_mtime_ns for path in (run / "checkpoints").iterdir()}
    capfd.readouterr()
    assert main(["train", str(run), "--select-only"]) == 0
    assert len(TrainedCodec.load(run / "codec.idsec").points) == 1
    assert f"{run}/codec.idsec: 1 point of epoch " in capfd.readouterr().out
    assert checkpoints == {path.name: path.stat().st_mtime_ns for path in (run / "checkpoints").iterdir()}
