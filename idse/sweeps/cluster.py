"""Runs jobs on an existing Dask cluster."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Generator, Iterable
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from idse.errors import IdseError
from idse.sweeps.job import Job, Outcome, run_job
from idse.sweeps.plan import Plan
from idse.sweeps.running import Executor

if TYPE_CHECKING:
    from distributed import Client

_PREFETCH = 2
"""Jobs that are submitted for each thread of the cluster, so that a thread never waits for its next job."""
_ATTEMPTS = 3
"""How often a job is submitted before it counts as failed."""


def connect(address: str, seconds: float = 20) -> Client:
    """A client of the scheduler.

    Args:
        address: "tcp://host:8786", or a scheduler file (`--scheduler-file` of Dask's own commands).
        seconds: How long to wait for an answer.

    Raises:
        IdseError: Dask is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise IdseError("--scheduler needs Dask: pip install 'idse[cluster]'") from None
    try:
        if address.endswith(".json"):
            return Client(scheduler_file=address, timeout=seconds, set_as_default=False)
        return Client(address, timeout=seconds, set_as_default=False)
    except (OSError, ValueError) as error:
        raise IdseError(f"no Dask scheduler answers at {address} ({str(error).splitlines()[0]})") from None


def cluster_executor(plan: Plan, client: Client) -> Executor:
    """An executor that runs jobs on a cluster. Its workers need idse, and the plan's files under the same paths.

    If a worker dies, the scheduler gives its job to another one. A job whose result was on that worker is submitted
    again, at most three times in all.
    """

    def execute(tasks: Iterable[Job]) -> Generator[tuple[Job, Outcome | str], None, None]:
        from distributed import as_completed

        todo, losses = iter(tasks), Counter[tuple[str, str]]()
        running: dict[Any, Job] = {}
        ready: Any = as_completed(loop=client.loop)

        def submit(job: Job) -> None:
            future = client.submit(
                run_job,
                plan.text,
                str(plan.folder.resolve()),
                plan.name,
                job,
                pure=False,
                key=f"idse-{job.key}-{uuid.uuid4().hex}",
            )
            running[future] = job
            ready.add(future)

        try:
            while True:
                while len(running) < _PREFETCH * max(1, sum(client.nthreads().values())):
                    job = next(todo, None)
                    if job is None:
                        break
                    submit(job)
                if not running:
                    return
                future = next(ready)
                job = running.pop(future)
                try:
                    outcome = _outcome(future)
                except _LostError as error:
                    client.cancel([future])  # the scheduler may be doing it again
                    losses[job.identity] += 1
                    if losses[job.identity] < _ATTEMPTS:
                        submit(job)
                        continue
                    outcome = f"the cluster lost it {_ATTEMPTS} times (the last time: {error})"
                yield job, outcome
        finally:
            if running:
                client.cancel(list(running))

    return execute


class _LostError(Exception):
    """A job ended without a result of its own: its worker died, or the scheduler gave it up."""


def _outcome(future: Any) -> Outcome | str:
    """The outcome of a job, or a message that says why it failed.

    Raises:
        _LostError: The job was lost.
    """
    from distributed import KilledWorker

    if future.status not in ("finished", "error"):
        raise _LostError(future.status)
    try:
        result: Outcome | str = future.result()
        return result
    except (CancelledError, asyncio.CancelledError) as error:
        raise _LostError("cancelled") from error
    except KilledWorker as error:
        raise _LostError("its worker was killed") from error
    except Exception as error:  # raised by the job itself
        return f"{type(error).__name__}: {error}"
