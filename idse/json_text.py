"""JSON from files that may be damaged or hostile: every fault in it is a `ValueError`."""

from __future__ import annotations

import json
from typing import Any

_MOST_DIGITS = 300
"""Of a whole number: more are beyond a float, and what computes with them raises an `OverflowError`."""


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text from a file; NaN and Infinity pass, as `json.dumps` writes them.

    Raises:
        ValueError: It is no JSON text, nested thousands deep, or holds a whole number beyond any float; one line.
    """
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)
