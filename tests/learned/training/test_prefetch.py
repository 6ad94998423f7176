"""Batches come in order, and the next one is loaded while one is used."""

from __future__ import annotations

import threading

import pytest

from idse.learned.training.data import prefetch


def test_the_next_is_loaded_while_one_is_used() -> None:
    started = [threading.Event() for _ in range(4)]

    def load(key: int) -> int:
        started[key].set()
        return key * key

    found = []
    for i, value in enumerate(prefetch(load, range(4))):
        found.append(value)
        if i < 3:
            assert started[i + 1].wait(10)
    assert found == [0, 1, 4, 9]
    assert list(prefetch(load, [])) == []


def test_errors_are_raised_in_order() -> None:
    def load(key: int) -> float:
        return 1 / key

    batches = prefetch(load, [2, 0, 1])
    assert next(batches) == 0.5
    with pytest.raises(ZeroDivisionError):
        next(batches)
