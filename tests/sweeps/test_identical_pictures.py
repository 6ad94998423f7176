"""Identical pictures in a sweep: they share the key of a result, but each has its own truth and its own cells."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from idse.study import Study
from idse.sweeps.cluster import cluster_executor
from idse.sweeps.estimate import estimate
from idse.sweeps.job import Job, Outcome
from idse.sweeps.local import local_executor
from idse.sweeps.plan import Plan, read_plan
from idse.sweeps.preparation import prepare
from idse.sweeps.running import Executor, run
from idse.sweeps.store import Store

Rows = Callable[[Path], dict[tuple[Any, ...], Any]]
DETECTOR = '[[detectors]]\nmodel = "toy.onnx"\nclasses = ["one", "two", "three"]\n'


@pytest.fixture
def plan(folder: Path) -> Plan:
    """Three pictures of which two are the same, and a detector."""
    toys = pytest.importorskip("toys", reason="ONNX is not installed")
    toys.yolox(folder / "toy.onnx")
    shutil.copy(folder / "pictures" / "0.png", folder / "pictures" / "1.png")
    file = folder / "plan.toml"
    file.write_text(file.read_text().replace("[[codecs]]", DETECTOR + "[[codecs]]", 1))
    return read_plan(file)


def finish(plan: Plan, path: Path, executor: Executor) -> list[str]:
    """Keys of the jobs that were done, in order."""
    done = list[str]()
    with Store(path) as store:
        prepared = prepare(plan, store)
        assert (prepared.total, prepared.kept, len(prepared.jobs)) == (18, 0, 18 + 3)
        assert run(prepared, store, executor, lambda count, job, failed: done.append(job.key)) == []
        assert len(done) == 21
        again = prepare(plan, store)
        assert (again.kept, again.jobs) == (18, [])
    return done


def coded(path: Path) -> int:
    with sqlite3.connect(path) as database:
        return int(database.execute("SELECT count(*) FROM results").fetchone()[0])


def test_on_processes_of_this_machine(plan: Plan, folder: Path, rows: Rows) -> None:
    finish(plan, folder / "one.sqlite", local_executor(plan, 1))
    finish(plan, folder / "two.sqlite", local_executor(plan, 2))
    assert rows(folder / "one.sqlite") == rows(folder / "two.sqlite")
    assert coded(folder / "one.sqlite") == 2 * 2 * 3
    study = Study.load(folder / "two.sqlite", draws=0)
    assert study.items == ["0", "1", "2"]
    assert len(study.points("activity", "pseudo_ap:toy")) == 3


def test_on_a_cluster(plan: Plan, folder: Path, rows: Rows) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    finish(plan, folder / "here.sqlite", local_executor(plan, 1))
    with (
        distributed.LocalCluster(1, threads_per_worker=2, dashboard_address=None) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        finish(plan, folder / "there.sqlite", cluster_executor(plan, client))
    assert rows(folder / "here.sqlite") == rows(folder / "there.sqlite")


@pytest.mark.parametrize("where", ["processes", "cluster"])
def test_executors_keep_jobs_of_one_key_apart(plan: Plan, folder: Path, where: str) -> None:
    """`run` hands out one job of a key at a time; an executor does not rely on it."""
    with Store(folder / "r.sqlite") as store:
        jobs = [job for job in prepare(plan, store).jobs if job.codec == 0 and job.item < 2 and job.qp == 47]
    assert jobs[0].key == jobs[1].key
    with contextlib.ExitStack() as opened:
        if where == "cluster":
            distributed = pytest.importorskip("distributed", reason="Dask is not installed")
            cluster = distributed.LocalCluster(1, threads_per_worker=2, dashboard_address=None)
            client = distributed.Client(opened.enter_context(cluster), set_as_default=False)
            found = list(cluster_executor(plan, opened.enter_context(client))(jobs))
        else:
            found = list(local_executor(plan, 2)(jobs))
    assert {job.truth for job, _ in found} == {job.truth for job in jobs}
    for job, outcome in found:
        assert isinstance(outcome, Outcome)
        assert [o.truth for o in outcome.observations] == [job.truth]


def test_a_picture_is_claimed_and_coded_once(plan: Plan, folder: Path) -> None:
    """While one of two identical pictures is coded its key stays claimed, and the other waits for the stream."""
    path, work = folder / "r.sqlite", local_executor(plan, 1)
    streams = dict[tuple[str, str], bool]()

    def execute(tasks: Iterable[Job]) -> Generator[tuple[Job, Outcome | str], None, None]:
        held = list(tasks)
        with Store(path) as other:
            assert len({job.key for job in held}) == len(held)
            assert not any(other.claim(job.key, "another sweep") for job in held)
        for job in held:
            streams[job.identity] = job.stream is not None
        yield from work(held)

    with Store(path) as store:
        assert run(prepare(plan, store), store, execute) == []
    assert sum(streams.values()) == 2 * 3  # the second picture of the two, for every codec and QP


def test_two_sweeps_at_once(plan: Plan, folder: Path, rows: Rows) -> None:
    """The second sweep takes what the first one left, whichever of the identical pictures that is."""
    path = folder / "r.sqlite"
    with Store(path) as first, Store(path) as second:
        mine, beside = prepare(plan, first), prepare(plan, second)

        def some(tasks: Iterable[Job]) -> Iterator[Job]:
            for count, job in enumerate(tasks):
                yield job
                if count == 4:
                    assert run(beside, second, local_executor(plan, 1)) == []

        work = local_executor(plan, 1)

        def slow(tasks: Iterable[Job]) -> Generator[tuple[Job, Outcome | str], None, None]:
            yield from work(some(tasks))

        assert run(mine, first, slow) == []
    assert coded(path) == 2 * 2 * 3
    with Store(path) as store:
        assert prepare(plan, store).jobs == []


def test_a_study_counts_the_picture_that_is_observed(plan: Plan, folder: Path) -> None:
    path = folder / "r.sqlite"
    finish(plan, path, local_executor(plan, 1))
    with Store(path) as store:
        (_, _, _, missing) = store.sweep("small").items[1]
        with store.writing() as database:
            database.execute(
                "DELETE FROM observations WHERE truth = ? AND key NOT LIKE 'source-%'", (missing,)
            )
        assert Study(store, "small", draws=0).items == ["0", "2"]


def test_the_estimate_codes_a_picture_once(plan: Plan, folder: Path) -> None:
    with Store(folder / "r.sqlite") as store:
        prepared = prepare(plan, store)
        rough = {row.codec: row for row in estimate(prepared, store)}["native"]
    assert rough.missing == 9
    assert rough.seconds == pytest.approx(6 * 2.5 * prepared.samples / 1e6 + 9 * 0.25)
