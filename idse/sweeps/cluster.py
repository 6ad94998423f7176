"""Jobs on an existing Dask cluster: the same work, elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

from idse.errors import IdseError
from idse.sweeps.plan import Plan
from idse.sweeps.running import Executor
from idse.sweeps.worker import Job, Outcome, run_job

if TYPE_CHECKING:
    from distributed import Client

_AHEAD = 2
"""Jobs handed out per thread of the cluster: the next is there when one ends."""


def connect(address: str, seconds: float = 20) -> Client:
    """A client of the scheduler.

    Args:
        address: "tcp://host:8786", or a scheduler file (`--scheduler-file` of Dask's own commands).
        seconds: To wait for an answer.

    Raises:
        IdseError: Dask is not installed, or nobody answers.
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
    """An executor on a cluster. Its workers need idse and the plan's files under the same paths.

    A worker that dies costs nothing but its job, which the scheduler gives to another.
    """

    def execute(tasks: Iterable[Job]) -> Generator[tuple[Job, Outcome | str], None, None]:
        from distributed import as_completed

        todo = iter(tasks)
        running: dict[Any, Job] = {}
        ready: Any = as_completed(loop=client.loop)
        try:
            while True:
                while len(running) < _AHEAD * max(1, sum(client.nthreads().values())):
                    job = next(todo, None)
                    if job is None:
                        break
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
                if not running:
                    return
                future = next(ready)
                job = running.pop(future)
                yield job, _outcome(future)
        finally:
            if running:
                client.cancel(list(running))

    return execute


def _outcome(future: Any) -> Outcome | str:
    if future.status == "finished":
        result: Outcome | str = future.result()
        return result
    error = future.exception() if future.status == "error" else None
    return (
        f"{type(error).__name__}: {error}"
        if error is not None
        else f"the cluster gave it up ({future.status})"
    )
