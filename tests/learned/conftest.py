"""Fresh processes that have torch imported already: a fork server imports it once for all tests."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

import pytest

IMPORTED = (
    "torch", "compressai", "onnx2torch", "onnxruntime", "tensorboard", "idse.cli.main", "idse.learned.engine",
    "idse.learned.coding.coder", "idse.learned.training.loop", "idse.learned.training.selection",
    "idse.learned.training.session", "torch.utils.tensorboard",
)  # fmt: skip
"""Modules that the server imports; what is not installed it leaves out. It computes nothing and starts no threads."""

if importlib.util.find_spec("compressai") is None:  # idse.learned's modules refuse to be imported without it
    IMPORTED = tuple(name for name in IMPORTED if not name.startswith("idse.learned"))

CHILD = """
import os, signal, sys
for number, name in ((1, out), (2, err)):
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, number)
    os.close(file)
os.chdir(folder)
os.environ.update(environment)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["-", *arguments]
if threads:
    import torch
    torch.set_num_threads(threads)
if code is None:
    from idse.cli.main import main
    sys.exit(main(arguments))
exec(code, {"__name__": "__main__"})
"""


@dataclass(frozen=True)
class Result:
    """How a process ended, and what it wrote."""

    status: int | None
    out: str
    err: str


@dataclass(frozen=True)
class Child:
    """A running process."""

    process: ForkServerProcess
    out: Path
    err: Path

    def wait(self, timeout: float = 240) -> Result:
        """Wait for its end; negative status: the signal that ended it."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, self.err.read_text()
        return Result(self.process.exitcode, self.out.read_text(), self.err.read_text())

    def wait_for(self, path: Path) -> None:
        """Wait until it has made a file."""
        until = time.monotonic() + 240
        while not path.exists():
            assert self.process.is_alive(), self.err.read_text()
            assert time.monotonic() < until
            time.sleep(0.005)

    def interrupt(self) -> None:
        """Ctrl-C."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGINT)


class Fork(Protocol):
    """Starts a process that runs Python code, or for None the command `idse`."""

    def __call__(
        self,
        code: str | None,
        *arguments: object,
        threads: int = 0,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Child: ...


@pytest.fixture(scope="session")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fork]:
    """Starts processes that share nothing with this one, nor with each other, but the modules they have imported."""
    outputs = tmp_path_factory.mktemp("processes")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    children: list[Child] = []

    def start(
        code: str | None,
        *arguments: object,
        threads: int = 0,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        out, err = (outputs / f"{len(children)}.{name}" for name in ("out", "err"))
        names = {
            "code": code,
            "arguments": [str(a) for a in arguments],
            "out": str(out),
            "err": str(err),
            "folder": str(folder or Path.cwd()),
            "environment": dict(environment or {}),
            "threads": threads,
        }
        process = context.Process(target=exec, args=(CHILD, names), daemon=True)
        process.start()
        children.append(Child(process, out, err))
        return children[-1]

    yield start
    for child in children:
        child.process.kill()
        child.process.join()
