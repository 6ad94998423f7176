"""The same plan on a Dask cluster of two processes: the same rows, also when one is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from idse.cli.main import main
from idse.errors import IdseError
from idse.sweeps.cluster import cluster_executor, connect
from idse.sweeps.local import local_executor
from idse.sweeps.plan import read_plan
from idse.sweeps.preparation import prepare
from idse.sweeps.running import run
from idse.sweeps.store import Store
from idse.sweeps.worker import Job

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


def test_nobody_answers() -> None:
    with pytest.raises(IdseError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        connect("tcp://127.0.0.1:9", seconds=1)
