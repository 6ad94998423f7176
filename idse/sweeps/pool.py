"""Runs tasks on worker processes. These end together with the process that started them, however it ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def finished(
    call: Callable[[T], R], tasks: Iterable[T], jobs: int, start: str | None = None
) -> Generator[tuple[T, R], None, None]:
    """Run tasks on `jobs` processes (1: in this process); gives each with its result as soon as it is done.

    Args:
        call: The function that does a task.
        tasks: The tasks. At most two for each process are taken at a time.
        jobs: The number of processes.
        start: How they start: "spawn" if this process has threads (PyTorch has); None: the platform's default.

    If the caller leaves the loop, also by an exception, the workers and the programs that they run are ended.
    """
    if jobs == 1:
        for task in tasks:
            yield task, call(task)
        return
    before = set(multiprocessing.active_children())
    context = multiprocessing.get_context(start)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_with_parent) as pool:
        todo = iter(tasks)
        running: dict[Future[R], T] = {}
        try:
            while True:
                for task in todo:
                    running[pool.submit(_run, call, task)] = task
                    if len(running) >= 2 * jobs:
                        break
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            if running:  # the loop was left early: running tasks are not needed either
                pool.shutdown(wait=False, cancel_futures=True)
                for worker in set(multiprocessing.active_children()) - before:
                    with contextlib.suppress(OSError, AttributeError):
                        worker.terminate()


def _run(call: Callable[[T], R], task: T) -> R:
    try:
        return call(task)
    except SystemExit:  # the pool would return it as a result, and the worker would go on
        os._exit(1)


def _end_with_parent() -> None:
    """In a worker: turn SIGTERM into an exception, so that programs it runs are ended too; watch the parent process."""

    def stop(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch(parent: BaseProcess) -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    def unraisable(what: sys.UnraisableHookArgs) -> None:  # SIGTERM may come while a destructor runs
        if not isinstance(what.exc_value, SystemExit):
            sys.__unraisablehook__(what)

    sys.unraisablehook = unraisable
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent ends its workers
    threading.Thread(target=watch, args=(parent,), daemon=True).start()
