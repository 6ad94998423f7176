"""Two processes on this machine, started by torchrun or with the environment that it gives, over gloo."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from idse.errors import IdseError
from idse.learned.training.checkpoint import RunFolder
from idse.learned.training.distributed import World, accumulating, world


def torchrun(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        *command,
    ]
    return subprocess.run(launch, cwd=folder, capture_output=True, text=True, timeout=300)


def two_processes(fork: Any, folder: Path, code: str | None, *arguments: object) -> list[Any]:
    """Two forked processes with the environment that torchrun gives; how each ended, in the order of ranks."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in (0, 1)]
    children = [fork(code, *arguments, threads=1, folder=folder, environment=shared | rank) for rank in ranks]
    return [child.wait() for child in children]


SCRIPT = """
import json, sys, torch
from torch import nn
from idse.learned.training.distributed import accumulating, world

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(2, 1), nn.Linear(2, 1)
    def forward(self, x):
        return self.used(x).square().sum()

with world("cpu") as here:
    torch.manual_seed(here.rank)  # wrap makes them equal
    net = Net()
    wrapped = here.wrap(net)
    x = torch.tensor([[1.0, 2.0]]) * (here.rank + 1)
    start = net.used.weight.tolist(), net.used.bias.tolist()
    with accumulating(wrapped, False):
        wrapped(x).backward()
        alone = net.used.weight.grad.tolist()
    with accumulating(wrapped, True):
        wrapped(2 * x).backward()
    here.barrier()
    found = {
        "rank": here.rank, "size": here.size, "main": here.main, "start": start, "alone": alone,
        "both": net.used.weight.grad.tolist(),
        "mean": here.mean({"b": 10.0 * here.rank, "a": 1.0}),
        "told": here.broadcast({"word": "from 0"} if here.main else None),
    }
    open(f"{sys.argv[1]}/{here.rank}.json", "w").write(json.dumps(found))
"""


def test_gradients_are_averaged_and_values_are_broadcast(fork: Any, tmp_path: Path) -> None:
    for result in two_processes(fork, tmp_path, SCRIPT, tmp_path):
        assert result.status == 0, result.err
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert [(r["rank"], r["size"], r["main"]) for r in (first, second)] == [(0, 2, True), (1, 2, False)]
    assert first["mean"] == second["mean"] == {"a": 1.0, "b": 5.0}
    assert first["told"] == second["told"] == {"word": "from 0"}
    assert first["start"] == second["start"]

    weight, bias = (torch.tensor(value) for value in first["start"])

    def gradient(x: torch.Tensor) -> torch.Tensor:
        return 2 * (x @ weight.T + bias) * x

    parts = [torch.tensor([[1.0, 2.0]]) * (rank + 1) for rank in (0, 1)]
    for result_of, x in zip((first, second), parts, strict=True):
        torch.testing.assert_close(torch.tensor(result_of["alone"]), gradient(x))
    wanted = sum((gradient(x) + gradient(2 * x) for x in parts), start=torch.zeros(1, 2)) / 2
    for result_of in (first, second):
        torch.testing.assert_close(torch.tensor(result_of["both"]), wanted)


def test_training_in_two_processes(tiny: Path, fork: Any, tmp_path: Path) -> None:
    config = tmp_path / "two.toml"
    text = tiny.read_text().replace("epochs = 16", "epochs = 2")
    config.write_text(text.replace('"pictures"', f'"{tiny.parent / "pictures"}"'))
    command = ("-m", "idse", "train", str(config), "-o", "run", "--device", "cpu", "--threads", "1")
    result = torchrun(tmp_path, *command)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("codec.idsec: ") == 1
    log = RunFolder(tmp_path / "run").read_log()
    assert [line["epoch"] for line in log] == [1, 2]
    assert [line["pictures"] for line in log] == [8, 8]  # 2 processes x batch of 2 x 2 steps
    again = two_processes(fork, tmp_path, None, *command[2:])
    assert [one.status for one in again] == [0, 0], again
    assert sum(one.err.count("continues after epoch 2") for one in again) == 1
    assert RunFolder(tmp_path / "run").read_log() == log


def test_one_error_message_of_two_processes(tiny: Path, fork: Any, tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run").locked():
        results = two_processes(fork, tmp_path, None, "train", tiny, "-o", "run", "--device", "cpu")
    assert [result.status for result in results] == [2, 2], results
    assert sum(r.err.count("idse: error: run: another idse train is running there") for r in results) == 1


def test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    layer = torch.nn.Linear(1, 1)
    with world("cpu") as here:
        assert (here.rank, here.size, here.main, here.device.type) == (0, 1, True, "cpu")
        assert here.wrap(layer) is layer
        assert here.mean({"a": 2.0}) == {"a": 2.0}
        assert here.broadcast("word") == "word"
        here.barrier()
        with accumulating(layer, False):
            pass
    assert World() == World(0, 1, torch.device("cpu"))
    with pytest.raises(IdseError, match="device 'tpu': must be"), world("tpu"):
        pass
