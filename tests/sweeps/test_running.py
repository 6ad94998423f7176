"""Sweeps on a real store: nothing twice, nothing lost, whoever is killed; and two side by side."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from idse.errors import IdseError
from idse.sweeps.job import Job, Outcome
from idse.sweeps.local import local_executor
from idse.sweeps.plan import Plan, read_plan
from idse.sweeps.preparation import Prepared, prepare
from idse.sweeps.running import run
from idse.sweeps.store import Store

Rows = Callable[[Path], dict[tuple[Any, ...], Any]]


def finish(plan: Plan, path: Path, jobs: int = 1) -> Prepared:
    with Store(path) as store:
        prepared = prepare(plan, store)
        assert run(prepared, store, local_executor(plan, jobs)) == []
    return prepared


def test_what_is_there_is_not_done_again(folder: Path, times: Callable[[Path], dict[str, float]]) -> None:
    plan, store = read_plan(folder / "plan.toml"), folder / "r.sqlite"
    assert len(finish(plan, store).jobs) == 18
    made = times(store)
    # Another sweep with one QP more, and other names, shares what it can.
    other = (
        (folder / "plan.toml")
        .read_text()
        .replace('"small"', '"other"')
        .replace('"native"\npreset', '"mine"\nengine = "native"\npreset', 1)
    )
    (folder / "other.toml").write_text(other.replace("[32, ", "[27, 32, "))
    prepared = finish(read_plan(folder / "other.toml"), store)
    assert (prepared.total, len(prepared.jobs)) == (24, 6)
    assert {k: t for k, t in times(store).items() if k in made} == made
    with Store(store) as opened:
        assert opened.sweeps() == ["other", "small"]
        # Another picture under the same name is another picture.
        (folder / "pictures" / "0.png").write_bytes((folder / "pictures" / "1.png").read_bytes())
        assert len(prepare(plan, opened).jobs) == 0  # its samples are those of 1.png, which are there
        (folder / "pictures" / "0.png").write_bytes((folder / "pictures" / "2.png").read_bytes()[:-1] + b"x")


def test_processes_give_the_rows_of_one(folder: Path, rows: Rows) -> None:
    plan = read_plan(folder / "plan.toml")
    finish(plan, folder / "one.sqlite")
    finish(plan, folder / "two.sqlite", jobs=2)
    assert rows(folder / "one.sqlite") == rows(folder / "two.sqlite")
    assert len(rows(folder / "one.sqlite")) == 18


def test_killed_and_resumed(folder: Path, rows: Rows, times: Callable[[Path], dict[str, float]]) -> None:
    text = (folder / "plan.toml").read_text()
    many = str([*range(17, 47, 2)])  # 90 jobs: time to kill it
    (folder / "plan.toml").write_text(text.replace("[32, 40, 47]", many))
    store = folder / "r.sqlite"
    command = [sys.executable, "-m", "idse", "sweep", str(folder / "plan.toml"), "-o", str(store), "-j", "2"]
    # Not in the source tree, whose idse may not be built.
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if store.exists() and _count(store) >= 2:
                break
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    made = times(store)
    assert 2 <= len(made) < 90
    resumed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    assert f"{90 - len(made)} jobs" in resumed.stderr
    assert {k: t for k, t in times(store).items() if k in made} == made
    finish(read_plan(folder / "plan.toml"), folder / "whole.sqlite")
    assert rows(store) == rows(folder / "whole.sqlite")


def _count(store: Path) -> int:
    try:
        with sqlite3.connect(store) as database:
            return int(database.execute("SELECT count(*) FROM results").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_a_process_that_dies_costs_its_job_only(folder: Path, rows: Rows) -> None:
    plan, store = read_plan(folder / "plan.toml"), folder / "r.sqlite"
    killed: list[int] = []

    def kill_one(done: int, job: Job, failed: int) -> None:
        if not killed and done == 3:
            killed.append(multiprocessing.active_children()[0].pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    with Store(store) as opened:
        prepared = prepare(plan, opened)
        assert run(prepared, opened, local_executor(plan, 2), kill_one) == []
    assert killed
    assert len(rows(store)) == 18


def test_two_side_by_side_do_nothing_twice(folder: Path, times: Callable[[Path], dict[str, float]]) -> None:
    """The second meets claims of the first, leaves those jobs to it, and takes their results."""
    plan, path = read_plan(folder / "plan.toml"), folder / "r.sqlite"
    done_by_second: list[str] = []

    with Store(path) as first, Store(path) as second:
        prepared = prepare(plan, first)
        beside = prepare(plan, second)
        work = local_executor(plan, 1)

        def slow(tasks: Iterable[Job]) -> Generator[tuple[Job, Outcome | str], None, None]:
            ahead = iter(tasks)
            held = [next(ahead) for _ in range(4)]  # claimed, not done

            def remember(jobs: Iterable[Job]) -> Generator[tuple[Job, Outcome | str], None, None]:
                for job, outcome in work(jobs):
                    done_by_second.append(job.key)
                    yield job, outcome
                    if len(done_by_second) == 14:  # all but the held ones: now the first goes on
                        for mine, result in held_results:
                            first.put(mine.key, result.figures, result.provenance, None, None, [])

            held_results = [(j, o) for j, o in work(held) if isinstance(o, Outcome)]
            assert run(beside, second, remember) == []
            yield from held_results
            yield from work(ahead)

        assert run(prepared, first, slow) == []
    assert len(done_by_second) == len(set(done_by_second)) == 14
    assert len(times(path)) == 18


def test_failures_are_told_and_left_for_the_next_time(folder: Path) -> None:
    plan = read_plan(folder / "plan.toml")
    work = local_executor(plan, 1)

    def failing(which: Callable[[Job], bool]) -> Any:
        def execute(tasks: Iterable[Job]) -> Generator[tuple[Job, Outcome | str], None, None]:
            for job in tasks:
                if which(job):
                    yield job, "out of ink"
                else:
                    yield from work([job])

        return execute

    with Store(folder / "r.sqlite") as store:
        failures = run(prepare(plan, store), store, failing(lambda job: job.qp == 40))
        assert len(failures) == 6
        assert failures[0] == "native, item 1, QP 40: out of ink"
        left = prepare(plan, store)
        assert {job.qp for job in left.jobs} == {40}
        with pytest.raises(IdseError, match=r"6 jobs in a row failed, the last: .*out of ink"):
            run(left, store, failing(lambda job: True))
        assert run(left, store, work) == []


def test_another_build_on_a_worker_is_refused(folder: Path) -> None:
    import dataclasses

    plan = read_plan(folder / "plan.toml")
    with Store(folder / "r.sqlite") as store:
        job = prepare(plan, store).jobs[0]
    ((_, outcome),) = local_executor(plan, 1)(
        [dataclasses.replace(job, engine=job.engine | {"version": "0"})]
    )
    assert isinstance(outcome, str)
    assert "another build of native" in outcome


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough for a header of one" * 40])
def test_files_that_are_no_store(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "r.sqlite"
    file.write_bytes(content)
    with pytest.raises(IdseError, match="is not a store of results"):
        Store(file, create=False)
    with pytest.raises(IdseError, match="no such store"):
        Store(tmp_path / "absent.sqlite", create=False)
    with pytest.raises(IdseError, match="is a folder"):
        Store(tmp_path)
