"""Arithmetic that gives the same numbers every time on one machine: one thread, deterministic algorithms.

An entropy decoder must compute the very probabilities that the encoder had; one bit that differs and everything after
it is noise. Sums differ with the number of threads, so there is one, whatever OMP_NUM_THREADS says.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_LOCK = threading.RLock()
"""The switches are the process's: two encodes at once would put them back under each other."""


@contextmanager
def exact() -> Iterator[None]:
    """Run a block in one torch thread, without gradients, with deterministic algorithms; one block at a time."""
    with _LOCK:
        threads = torch.get_num_threads()
        deterministic = torch.are_deterministic_algorithms_enabled()
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        try:
            with torch.inference_mode():
                yield
        finally:
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
            torch.set_num_threads(threads)
