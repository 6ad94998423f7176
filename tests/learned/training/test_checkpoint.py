"""A run's folder: what is written is read, what is damaged is told, what a kill left is no hindrance."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from idse.errors import IdseError
from idse.learned.training.checkpoint import RunFolder, load_checkpoint, run_of, save_checkpoint


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.start("seed = 1\n", tmp_path)
    return folder


def test_state_comes_back(tmp_path: Path) -> None:
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = {"codec": layer.state_dict(), "optimizer": optimizer.state_dict(), "task": None, "scaler": {}}
    save_checkpoint(tmp_path / "a.pt", state)
    found = load_checkpoint(tmp_path / "a.pt")
    assert found.keys() == state.keys()
    assert torch.equal(found["codec"]["weight"], layer.weight)
    moments, own = found["optimizer"]["state"][0], optimizer.state_dict()["state"][0]
    assert all(torch.equal(moments[name], own[name]) for name in own)


def damage_cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def damage_flip(data: bytes) -> bytes:
    middle = len(data) // 2  # among the weights
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize(
    "damage", [damage_cut, damage_flip, lambda _: b"", lambda _: b"All work and no play " * 9]
)
def test_damage_is_told(tmp_path: Path, damage) -> None:
    path = tmp_path / "a.pt"
    save_checkpoint(path, {"codec": {"weight": torch.randn(100, 100)}})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(IdseError, match=r"a\.pt: damaged, or not a checkpoint of idse train$"):
        load_checkpoint(path)


class Harm:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def test_foreign_files_are_told_and_run_nothing(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "other.pt")
    with pytest.raises(IdseError, match=r"other\.pt: not a checkpoint of idse train, or of another version"):
        load_checkpoint(tmp_path / "other.pt")
    torch.save(Harm(f"touch {tmp_path}/harm"), tmp_path / "harmful.pt")
    with pytest.raises(IdseError, match=r"harmful\.pt: not a checkpoint of idse train$"):
        load_checkpoint(tmp_path / "harmful.pt")
    assert not (tmp_path / "harm").exists()
    with pytest.raises(IdseError, match=r"absent\.pt: no such checkpoint"):
        load_checkpoint(tmp_path / "absent.pt")


def test_epochs_and_the_way_back(run: RunFolder) -> None:
    assert (run.epochs(), run.latest()) == ([], None)
    for epoch in (5, 10, 10000):
        run.log({"epoch": epoch, "train": {"loss": epoch / 2}})
        run.save(epoch, {"codec": {"w": torch.tensor(float(epoch))}})
    run.log({"epoch": 10001})
    (run.path / "checkpoints" / "epoch-0007.pt.old").touch()
    assert (run.epochs(), run.latest()) == ([5, 10, 10000], 10000)
    assert run.load(10)["epoch"] == 10
    assert run.load(10)["codec"]["w"] == 10
    run.rewind(10)
    assert run.epochs() == [5, 10]
    assert run.read_log() == [{"epoch": 5, "train": {"loss": 2.5}}, {"epoch": 10, "train": {"loss": 5}}]


def test_a_damaged_checkpoint_names_an_earlier_one(run: RunFolder) -> None:
    run.save(1, {})
    run.save(2, {})
    run.checkpoint(2).write_bytes(b"PK")
    with pytest.raises(
        IdseError, match=r"epoch-0002\.pt: damaged.*; resume from an earlier one: --resume .*epoch-0001\.pt$"
    ):
        run.load(2)


def test_log_survives_a_torn_line(run: RunFolder) -> None:
    run.log({"epoch": 1})
    with (run.path / "log.jsonl").open("a") as log:
        log.write('{"epoch": 2, "tra')
    assert run.read_log() == [{"epoch": 1}]
    run.rewind(1)
    run.log({"epoch": 2})
    assert run.read_log() == [{"epoch": 1}, {"epoch": 2}]
    (run.path / "log.jsonl").write_text('{"epoch"\n{"epoch": 2}\n')
    with pytest.raises(IdseError, match="a line is damaged"):
        run.read_log()


def test_configuration_comes_back(run: RunFolder, tmp_path: Path) -> None:
    assert RunFolder(run.path).started() == ("seed = 1\n", tmp_path)
    assert RunFolder(tmp_path / "absent").started() is None


def test_discard_removes_only_what_was_made(tmp_path: Path) -> None:
    fresh = RunFolder(tmp_path / "runs" / "a")
    fresh.start("seed = 1\n", tmp_path)
    fresh.discard()
    assert not (tmp_path / "runs").exists()
    kept = RunFolder(tmp_path / "runs" / "a")
    kept.start("seed = 1\n", tmp_path)
    again = RunFolder(kept.path)
    again.start("seed = 2\n", tmp_path)
    again.discard()
    assert again.started() == ("seed = 2\n", tmp_path)


def test_one_training_at_a_time(run: RunFolder) -> None:
    (run.path / "checkpoints" / ".epoch-0003.99.part.pt").touch()  # of one that was killed
    with run.locked():
        assert list((run.path / "checkpoints").iterdir()) == []
        with (
            pytest.raises(IdseError, match="another idse train is running there"),
            RunFolder(run.path).locked(),
        ):
            pass
    with RunFolder(run.path).locked():
        pass


def test_kill_while_writing_leaves_the_old_checkpoint(run: RunFolder, fork: Any) -> None:
    """A process that writes one checkpoint over another, as fast as it can, is killed: what is there is whole."""
    script = (
        "import sys, torch; from pathlib import Path\n"
        "from idse.learned.training.checkpoint import RunFolder\n"
        "run = RunFolder(Path(sys.argv[1]))\n"
        "while True:\n"
        "    run.save(1, {'codec': {'w': torch.full((500_000,), 3.0)}}); print('saved', flush=True)\n"
    )
    for lines in (1, 2, 4):
        process = fork(script, run.path)
        while process.out.stat().st_size < lines * len("saved\n") if process.out.exists() else True:
            assert process.process.is_alive(), process.err.read_text()
            time.sleep(0.001)
        process.process.kill()
        process.wait()
        assert torch.equal(run.load(1)["codec"]["w"], torch.full((500_000,), 3.0))
    with run.locked():
        assert os.listdir(run.path / "checkpoints") == ["epoch-0001.pt"]


def test_run_of_a_checkpoint(run: RunFolder, tmp_path: Path) -> None:
    run.save(3, {})
    found, epoch = run_of(run.checkpoint(3))
    assert (found.path, epoch) == (run.path.resolve(), 3)
    for other in (tmp_path / "epoch-0003.pt", run.path / "checkpoints" / "last.pt"):
        with pytest.raises(IdseError, match="not a checkpoint of a run: give a path like"):
            run_of(other)
