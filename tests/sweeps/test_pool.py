"""Worker processes and the programs they run end with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from idse.sweeps.pool import finished

_RUN = """
import functools, os, signal, subprocess, sys
from pathlib import Path
from idse.sweeps.pool import finished

def work(folder, task):
    with subprocess.Popen(["sleep", "0.02" if task < 3 else "300"]) as program:
        try:
            (folder / f"{os.getpid()}.worker").touch()
            (folder / f"{program.pid}.program{task}").touch()
            program.wait()
        except BaseException:
            program.kill()
            raise
    return task

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    folder = Path(sys.argv[1])
    for task, result in finished(functools.partial(work, folder), range(9), 2, sys.argv[2]):
        (folder / f"{result}.done").touch()
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
@pytest.mark.parametrize(
    ("number", "start"), [(signal.SIGKILL, "spawn"), (signal.SIGTERM, "spawn"), (signal.SIGTERM, "fork")]
)
def test_a_killed_run_leaves_no_worker(tmp_path: Path, number: signal.Signals, start: str) -> None:
    def until(condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, what
            time.sleep(0.02)

    def under_way() -> list[int]:
        return [int(f.stem) for f in tmp_path.glob("*.program[3-9]")]

    def done() -> set[str]:
        return {f.stem for f in tmp_path.glob("*.done")}

    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    (tmp_path / "run.py").write_text(_RUN)
    run = subprocess.Popen(
        [sys.executable, tmp_path / "run.py", tmp_path, start], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: done() == {"0", "1", "2"}, "three tasks are done")
        until(lambda: len(under_way()) == 2, "two programs are under way")
    finally:
        run.send_signal(number)
        run.wait(timeout=60)
    assert done() == {"0", "1", "2"}

    def alive(process: int) -> bool:
        try:
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    workers = [int(f.stem) for f in tmp_path.glob("*.worker")]
    assert len(workers) == 2
    until(lambda: not any(map(alive, [*workers, *under_way()])), "nothing is left running")


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_with_their_tasks(jobs: int) -> None:
    assert sorted(finished(abs, [-3, 2, -1], jobs, "spawn")) == [(-3, 3), (-1, 1), (2, 2)]
