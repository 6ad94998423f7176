#!/usr/bin/env python3
"""Shows how rate and task loss of a codec changed with its loss weights, in each part of a training's schedule.

    python scripts/schedule_effect.py runs/icm

A part is a sequence of epochs in which the rate's weight is 0, or rises without falling (Le's schedule has four).
Slopes are least-squares fits over epochs, per 10 epochs, with 95 % intervals (Student's t), for the held-out pictures
(where checkpoints were validated) and for the training's own means. Nothing is trained.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from idse.devtools.tables import align
from idse.errors import IdseError
from idse.learned.training.checkpoint import RunFolder

_T95 = {
    1: 12.71,
    2: 4.30,
    3: 3.18,
    4: 2.78,
    5: 2.57,
    6: 2.45,
    7: 2.36,
    8: 2.31,
    9: 2.26,
    10: 2.23,
    15: 2.13,
    20: 2.09,
}
"""Quantiles of Student's t for two-sided 95 % intervals, by degrees of freedom."""


def stretches(log: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Split the epochs where the rate's weight falls, or begins to be above 0."""
    found: list[list[dict[str, Any]]] = []
    before = None
    for entry in log:
        weight = entry["weights"]["rate"]
        if before is None or weight < before or (before == 0 and weight > 0):
            found.append([])
        found[-1].append(entry)
        before = weight
    return found


def slope(epochs: Sequence[int], values: Sequence[float]) -> tuple[float, float]:
    """Return the slope per 10 epochs and half the width of its 95 % interval; NaN with fewer than three values."""
    x, y = np.array(epochs, dtype=float), np.array(values, dtype=float)
    free = len(x) - 2
    if free < 1:
        return math.nan, math.nan
    x = x - x.mean()
    b = (x * (y - y.mean())).sum() / (x * x).sum()
    rest = y - y.mean() - b * x
    error = math.sqrt((rest * rest).sum() / free / (x * x).sum())
    t = _T95[max(k for k in _T95 if k <= free)]
    return 10 * b, 10 * t * error


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of a training")
    run = RunFolder(parser.parse_args().run)
    log = run.read_log()
    if not log:
        raise IdseError(f"{run.path}: no log of a training")
    rows = [
        [
            "epochs",
            "w_rate",
            "bpp held out",
            "slope /10",
            "task held out",
            "slope /10",
            "bpp training",
            "slope /10",
        ]
    ]
    for part in stretches(log):
        first, last = part[0], part[-1]
        row = [
            f"{first['epoch']}-{last['epoch']}",
            f"{first['weights']['rate']:.2e}..{last['weights']['rate']:.2e}",
        ]
        checked = [entry for entry in part if "validation" in entry]
        for name in ("bpp", "task_loss"):
            values = [entry["validation"].get(name, math.nan) for entry in checked]
            row += _cells([entry["epoch"] for entry in checked], values)
        row += _cells([entry["epoch"] for entry in part], [entry["train"]["rate"] for entry in part])
        rows.append(row)
    print(align(rows))
    return 0


def _cells(epochs: Sequence[int], values: Sequence[float]) -> list[str]:
    if not values:
        return ["-", "-"]
    b, half = slope(epochs, values)
    return [f"{values[0]:.4f}..{values[-1]:.4f}", "-" if math.isnan(b) else f"{b:+.4f} ±{half:.4f}"]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except IdseError as error:
        print(f"schedule_effect: {error}", file=sys.stderr)
        sys.exit(2)
