"""The same plan on a Dask cluster of two processes: the same rows, also when one is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from idse.cli.main import main
from idse.errors import IdseError
from idse.sweeps.cluster import cluster_executor, connect
from idse.sweeps.job import Job
from idse.sweeps.local import local_executor
from idse.sweeps.plan import read_plan
from idse.sweeps.preparation import prepare
from idse.sweeps.running import run
from idse.sweeps.store import Store

distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install 'idse[cluster]'")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


def test_rows_are_those_of_this_process(
    folder: Path, cluster: Any, rows: Callable[[Path], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    plan = read_plan(folder / "plan.toml")
    with Store(folder / "here.sqlite") as store:
        run(prepare(plan, store), store, local_executor(plan, 1))
    there = folder / "there.sqlite"
    command = ["sweep", str(folder / "plan.toml"), "-o", str(there), "--scheduler", cluster.scheduler_address]
    assert main(command) == 0
    assert "18 jobs" in capsys.readouterr().err
    assert rows(there) == rows(folder / "here.sqlite")
    assert len(rows(there)) == 18


def test_a_worker_killed_in_the_middle_costs_its_job_only(
    folder: Path, cluster: Any, rows: Callable[[Path], Any]
) -> None:
    plan, done = read_plan(folder / "plan.toml"), list[str]()
    client = connect(cluster.scheduler_address)

    def watch(count: int, job: Job, failed: int) -> None:
        done.append(job.key)
        if count == 4:
            pids = list(client.run(os.getpid).values())
            os.kill(pids[0], signal.SIGKILL)

    with client, Store(folder / "r.sqlite") as store:
        prepared = prepare(plan, store)
        assert run(prepared, store, cluster_executor(plan, client), watch) == []
    assert sorted(done) == sorted(job.key for job in prepared.jobs)
    assert len(rows(folder / "r.sqlite")) == 18


class FakeFuture:
    """A future that has ended: with a status, and with a result or an exception."""

    def __init__(self, status: str, result: Any = None) -> None:
        self.status = status
        self._result = result

    def result(self) -> Any:
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result


class FakeClient:
    """Gives each submitted job the next of its endings, and "done" once there is none left."""

    loop = None

    def __init__(self, endings: dict[str, list[FakeFuture]]) -> None:
        self.endings = endings
        self.submitted: list[str] = []
        self.cancelled: list[FakeFuture] = []

    def nthreads(self) -> dict[str, int]:
        return {"worker": 1}

    def submit(
        self, call: Any, text: str, folder: str, name: str, job: Job, *, pure: bool, key: str
    ) -> FakeFuture:
        self.submitted.append(job.key)
        left = self.endings.get(job.key, [])
        return left.pop(0) if left else FakeFuture("finished", "done")

    def cancel(self, futures: list[FakeFuture]) -> None:
        self.cancelled += futures


class FakeReady(list[Any]):
    """`as_completed` for futures that have all ended."""

    def __init__(self, loop: Any = None) -> None:
        super().__init__()

    def add(self, future: FakeFuture) -> None:
        self.append(future)

    def __next__(self) -> FakeFuture:
        return self.pop(0)


def lost_ways() -> dict[str, Callable[[], FakeFuture]]:
    killed = distributed.KilledWorker("job", None, 3)
    return {
        "lost": lambda: FakeFuture("lost"),
        "cancelled": lambda: FakeFuture("cancelled"),
        "killed": lambda: FakeFuture("error", killed),
        # The status was read before the worker with the result died.
        "lost after it was finished": lambda: FakeFuture("finished", CancelledError("job")),
    }


@pytest.mark.parametrize("way", list(lost_ways()))
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_lost_job_is_submitted_three_times(
    folder: Path, monkeypatch: pytest.MonkeyPatch, way: str, times: int
) -> None:
    monkeypatch.setattr(distributed, "as_completed", FakeReady)
    jobs = [Job(k, 0, i, k, 100, 32, {}, (), (), "t") for i, k in enumerate("abc")]
    lost = [lost_ways()[way]() for _ in range(times)]
    client: Any = FakeClient({"b": list(lost)})
    plan = read_plan(folder / "plan.toml")
    outcomes = {job.key: outcome for job, outcome in cluster_executor(plan, client)(jobs)}
    assert sorted(outcomes) == ["a", "b", "c"]
    assert (outcomes["a"], outcomes["c"]) == ("done", "done")
    assert client.submitted.count("b") == min(times + 1, 3)
    assert client.cancelled == lost
    if times < 3:
        assert outcomes["b"] == "done"
    else:
        assert str(outcomes["b"]).startswith("the cluster lost it 3 times (the last time: ")


def test_a_jobs_own_exception_is_its_outcome(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "as_completed", FakeReady)
    client: Any = FakeClient({"a": [FakeFuture("error", MemoryError("too much"))]})
    jobs = [Job("a", 0, 0, "a", 100, 32, {}, (), (), "t")]
    plan = read_plan(folder / "plan.toml")
    assert list(cluster_executor(plan, client)(jobs)) == [(jobs[0], "MemoryError: too much")]
    assert client.submitted == ["a"]


def test_nobody_answers() -> None:
    with pytest.raises(IdseError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        connect("tcp://127.0.0.1:9", seconds=1)
