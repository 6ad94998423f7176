"""`idse train`: what was killed or interrupted goes on and ends as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("compressai", reason="learned codecs need compressai")

import torch

from idse.cli.main import main
from idse.learned.training.checkpoint import RunFolder

LAST = 16  # epoch


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "idse", "train", *arguments, "--threads", "1", "--device", "cpu"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
        # As from a terminal, whatever started pytest: shells have background jobs ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for(process: subprocess.Popen[str], path: Path) -> None:
    until = time.monotonic() + 240
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.005)


def equal(a: object, b: object) -> bool:
    """Whether two states are the same, bit by bit."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return isinstance(b, (list, tuple)) and len(a) == len(b) and all(map(equal, a, b))
    return a == b


def same_run(a: Path, b: Path) -> None:
    one, other = RunFolder(a), RunFolder(b)
    assert one.epochs() == other.epochs()
    assert one.read_log() == other.read_log()
    for epoch in one.epochs():
        assert equal(one.load(epoch), other.load(epoch)), epoch


def test_a_run(finished: Path) -> None:
    run = RunFolder(finished)
    assert run.epochs() == list(range(1, LAST + 1))
    assert [line["epoch"] for line in run.read_log()] == run.epochs()
    first, last = run.load(1)["codec"], run.load(LAST)["codec"]
    assert not torch.equal(first["g_a.0.weight"], last["g_a.0.weight"])
    assert (finished / "codec.idsec").is_file()


def test_killed_and_resumed(tiny: Path, finished: Path, fork: Any, tmp_path: Path) -> None:
    """Kill -9 at any moment: after a checkpoint, and again in the middle of what follows."""
    run = tmp_path / "run"
    arguments = (str(tiny), "-o", str(run))
    for epoch in (2, 7):
        training = fork(None, "train", *arguments, "--threads", "1", "--device", "cpu")
        training.wait_for(RunFolder(run).checkpoint(epoch))
        training.process.kill()
        assert training.wait().status == -signal.SIGKILL
        assert RunFolder(run).latest() in range(epoch, LAST)
        assert not (run / "codec.idsec").exists()
    assert main(["train", *arguments]) == 0
    same_run(run, finished)


def test_interrupted_and_resumed(tiny: Path, finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(str(tiny), "-o", str(run))
    wait_for(process, RunFolder(run).checkpoint(2))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 130
    assert out == ""
    note, error = err.splitlines()[-2:]
    assert note == f"note: checkpoints are kept in {run}; run the same command to continue"
    assert error == "idse: error: interrupted; no incomplete file is left behind"
    assert main(["train", "--resume", str(run)]) == 0
    same_run(run, finished)


def test_resumed_from_any_checkpoint(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    for epoch in range(5, LAST + 1):
        RunFolder(run).checkpoint(epoch).write_bytes(b"of no use")
    assert main(["train", "--resume", str(RunFolder(run).checkpoint(4))]) == 0
    same_run(run, finished)


def test_finished_training_only_selects(
    tiny: Path, finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "codec.idsec").unlink()
    capfd.readouterr()
    assert main(["train", str(tiny), "-o", str(run)]) == 0
    out, err = capfd.readouterr()
    assert f"continues after epoch {LAST}" in err
    assert "codec.idsec: " in out
    assert (run / "codec.idsec").is_file()
    same_run(run, finished)


def test_a_changed_selection_is_the_same_training(tiny: Path, finished: Path, tmp_path: Path) -> None:
    run, config = tmp_path / "run", tmp_path / "tiny.toml"
    shutil.copytree(finished, run)
    config.write_text(tiny.read_text().replace("points = 3", "points = 2"))
    assert main(["train", str(config), "-o", str(run), "--select-only"]) == 0
    assert main(["train", str(run), "--select-only"]) == 0


def test_another_configuration_is_refused(
    tiny: Path, finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run, config = tmp_path / "run", tmp_path / "tiny.toml"
    shutil.copytree(finished, run)
    config.write_text(tiny.read_text().replace("lr = 1e-3", "lr = 2e-3"))
    assert main(["train", str(config), "-o", str(run)]) == 2
    assert capfd.readouterr().err == (
        f"idse: error: {run}: has checkpoints of another configuration: choose another -o, or remove the folder\n"
    )
    same_run(run, finished)


def test_a_training_that_cannot_begin_leaves_nothing(
    tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(tiny.read_text())  # its pictures are not here
    assert main(["train", str(config), "-o", str(tmp_path / "runs" / "a")]) == 2
    assert capfd.readouterr().err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


def test_without_compressai(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "compressai.py").write_text("raise ImportError('no compressai here')")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    process = start(str(tiny), "-o", str(tmp_path / "run"), PYTHONPATH=paths)
    out, err = process.communicate(timeout=240)
    assert (process.returncode, out) == (2, "")
    assert err == (
        "idse: error: learned codecs need compressai (no compressai here): pip install 'idse[learned]'\n"
    )
    assert not (tmp_path / "run").exists()
