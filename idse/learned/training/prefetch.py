"""Loading the next batch while the one before is computed with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


def prefetch(load: Callable[[_K], _V], keys: Iterable[_K]) -> Iterator[_V]:
    """What `load` makes of each key, in order; a thread is always at the next one. Its errors come at their turn."""
    with ThreadPoolExecutor(1, thread_name_prefix="idse-prefetch") as pool:
        waiting = None
        for key in keys:
            following = pool.submit(load, key)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()
