"""Runs jobs on processes of this machine."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool

from idse.sweeps.job import Job, Outcome, run_job
from idse.sweeps.plan import Plan
from idse.sweeps.pool import finished
from idse.sweeps.running import Executor

_ATTEMPTS = 3


def available_cpus() -> int:
    """The number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def local_executor(plan: Plan, jobs: int) -> Executor:
    """An executor that runs jobs on `jobs` processes (1: in this process).

    If a process dies, the jobs that were running are done again, at most three times in all.

    Args:
        plan: The plan of the jobs.
        jobs: The number of processes.
    """
    call = functools.partial(run_job, plan.text, str(plan.folder), plan.name)

    def execute(tasks: Iterable[Job]) -> Generator[tuple[Job, Outcome | str], None, None]:
        todo, deaths = iter(tasks), Counter[tuple[str, str]]()
        under_way: dict[tuple[str, str], Job] = {}

        def handed_out(first: list[Job]) -> Iterator[Job]:
            for job in _chain(first, todo):
                under_way[job.identity] = job
                yield job

        again: list[Job] = []
        while True:
            try:
                for job, outcome in finished(call, handed_out(again), jobs, "spawn"):
                    del under_way[job.identity]
                    yield job, outcome
                return
            except BrokenProcessPool:
                # It is unknown which job ended the process: an attempt is counted for all running jobs.
                again = []
                for identity, job in list(under_way.items()):
                    del under_way[identity]
                    deaths[identity] += 1
                    if deaths[identity] < _ATTEMPTS:
                        again.append(job)
                    else:
                        yield job, f"its process died {_ATTEMPTS} times (out of memory?)"

    return execute


def _chain(first: list[Job], then: Iterator[Job]) -> Iterator[Job]:
    while first:
        yield first.pop(0)
    yield from then
