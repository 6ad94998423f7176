"""Filling the store cell by cell: what is missing, measured on several processes, kept as it comes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from idse.errors import IdseError
from idse.experiments.measurement import Measurement
from idse.experiments.plan import Configuration
from idse.experiments.pool import finished
from idse.experiments.progress import Progress
from idse.experiments.store import Store

_GIVE_UP = 5
"""So many failures in a row end the sweep: then it is not the picture."""


@dataclass(frozen=True)
class Cell:
    """One encode."""

    picture: Path
    configuration: Configuration
    qp: int

    def __str__(self) -> str:
        return f"{self.configuration.name} {self.picture.name} QP {self.qp}"


def missing(
    store: Store,
    keys: Mapping[str, str],
    configurations: Sequence[Configuration],
    pictures: Sequence[Path],
    qps: Sequence[int],
) -> list[Cell]:
    """The cells that the store lacks: configuration by configuration, then picture by picture.

    In this order a sweep that has come half way has whole rows of the table, and its last row has whole pictures.
    """
    cells = []
    for configuration in configurations:
        known = store.known(keys[configuration.name], configuration.name)
        for picture in pictures:
            cells += [Cell(picture, configuration, q) for q in qps if (picture.name, q) not in known]
    return cells


def fill(
    store: Store,
    keys: Mapping[str, str],
    cells: Sequence[Cell],
    measure: Callable[[Cell], Measurement],
    jobs: int = 1,
) -> list[str]:
    """Measure cells and keep each as it comes; what failed, in words.

    A cell that fails is left out and tried again by the next sweep.

    Raises:
        IdseError: Nothing works: several cells in a row failed.
    """
    say, failures, in_a_row = Progress("encodes", len(cells)), list[str](), 0
    attempts = finished(functools.partial(_attempt, measure), cells, jobs)
    for done, (cell, result) in enumerate(attempts, 1):
        if isinstance(result, str):
            failures.append(f"{cell}: {result}")
            in_a_row += 1
            if in_a_row >= min(_GIVE_UP, len(cells)):
                attempts.close()
                raise IdseError(f"{in_a_row} encodes in a row failed, the last: {failures[-1]}")
        else:
            in_a_row = 0
            store.put(
                keys[cell.configuration.name], cell.picture.name, cell.configuration.name, cell.qp, result
            )
        say(done, f"; {cell}" + (f"; {len(failures)} failed" if failures else ""))
    return failures


def _attempt(measure: Callable[[Cell], Measurement], cell: Cell) -> Measurement | str:
    try:
        return measure(cell)
    except IdseError as error:
        return str(error)
