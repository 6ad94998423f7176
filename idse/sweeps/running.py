"""Runs the jobs of a sweep and stores their outcomes. Several sweeps may run on the same store."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path

from idse.errors import IdseError
from idse.sweeps.job import Job, Outcome
from idse.sweeps.preparation import Prepared
from idse.sweeps.store import Store

Executor = Callable[[Iterable[Job]], Generator[tuple[Job, Outcome | str], None, None]]
"""Takes jobs one by one when it is ready for them; yields each with its outcome, or with a message if it failed."""

_GIVE_UP = 8
"""After this many failures in a row the sweep ends, because the cause is not a single picture."""
_RENEW_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 1.0


def run(
    prepared: Prepared,
    store: Store,
    executor: Executor,
    progress: Callable[[int, Job, int], None] | None = None,
) -> list[str]:
    """Do the jobs and store their outcomes; returns a message for each job that failed.

    A job that fails is left out, and tried again by the next sweep. Jobs that another sweep on the same store works on
    are left to it.

    Args:
        prepared: The sweep.
        store: The store of results.
        executor: Runs the jobs.
        progress: Called after every job with the number of jobs done, the last job, and the number that failed.

    Raises:
        IdseError: Many jobs in a row failed, or the store cannot be written.
    """
    owner = f"{platform.node()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    failures, in_a_row, done = list[str](), 0, 0
    todo: Sequence[Job] = prepared.jobs
    _release_dead(store)
    with _alive(store.path, owner):
        try:
            while todo:
                others: list[Job] = []
                twins: list[Job] = []
                finished = executor(_claimed(todo, store, owner, others, twins))
                with contextlib.closing(finished):
                    for job, outcome in finished:
                        done += 1
                        if isinstance(outcome, str):
                            failures.append(f"{describe(prepared, job)}: {outcome}")
                            store.release(owner, job.key)
                            in_a_row += 1
                            if in_a_row >= min(_GIVE_UP, len(prepared.jobs)):
                                raise IdseError(f"{in_a_row} jobs in a row failed, the last: {failures[-1]}")
                        else:
                            in_a_row = 0
                            store.put(
                                job.key,
                                outcome.figures,
                                outcome.provenance,
                                outcome.stream,
                                outcome.weight_map,
                                outcome.observations,
                            )
                        if progress is not None:
                            progress(done, job, len(failures))
                missing = [job for job in others if not _is_there(store, job)]
                done += len(others) - len(missing)
                if missing and not twins:
                    time.sleep(_LOOK_AGAIN_SECONDS)
                todo = [*twins, *missing]
        finally:
            store.release(owner)
    return failures


def describe(prepared: Prepared, job: Job) -> str:
    """A short description of a job, for messages."""
    if job.codec is None:
        return f"item {job.item + 1}, uncompressed"
    codec = prepared.plan.codecs[job.codec]
    size = "" if job.scale == 100 else f" at {job.scale} %"
    return f"{codec.name}, item {job.item + 1}, QP {job.qp}{size}"


def _claimed(
    jobs: Iterable[Job], store: Store, owner: str, others: list[Job], twins: list[Job]
) -> Iterator[Job]:
    """The jobs that no other sweep works on.

    Args:
        jobs: What is missing.
        store: Holds the claims.
        owner: Of this sweep's claims.
        others: Takes the jobs that another sweep works on, or has done.
        twins: Takes the jobs whose key this sweep has handed out already. They belong to identical pictures: a claim is
            for a key, so they wait for the next round, which finds the stream in the store and only observes it.
    """
    handed_out = set[str]()
    for job in jobs:
        if job.key in handed_out:
            twins.append(job)
        elif not _is_there(store, job) and store.claim(job.key, owner):
            handed_out.add(job.key)
            yield dataclasses.replace(job, stream=None if job.codec is None else store.stream(job.key))
        else:
            others.append(job)


def _is_there(store: Store, job: Job) -> bool:
    """Whether the store has everything that a job gives."""
    if job.codec is not None and not store.known_results([job.key]):
        return False
    return all(store.known_observations(h, job.truth, [job.key]) for h in job.hashes)


def _release_dead(store: Store) -> None:
    """Delete the claims of sweeps that were killed on this machine; claims of other machines expire."""
    for owner in store.owners():
        host, pid, _ = owner.rsplit(":", 2)
        if host == platform.node():
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                store.release(owner)
            except PermissionError:
                continue


@contextlib.contextmanager
def _alive(path: Path, owner: str) -> Iterator[None]:
    """Renew the owner's claims regularly while the block runs, because a job may take long."""
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(_RENEW_SECONDS):
            with contextlib.suppress(IdseError), Store(path) as store:
                store.renew(owner)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
