"""Engines from options as a plan has them: plain values under the names of the engine's own settings."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idse.engines import Engine, engine_class, get_engine


def plain_options(name: str) -> set[str]:
    """Names of the options that `engine_from_plain` takes.

    Raises:
        IdseError: No such engine.
    """
    if name == "vtm":
        from idse.vtm.options import VtmOptions

        return {"root", *(f.name for f in dataclasses.fields(VtmOptions))}
    return set(inspect.signature(engine_class(name).__init__).parameters) - {"self"}


def engine_from_plain(name: str, options: Mapping[str, Any]) -> Engine:
    """The engine of that name; of "vtm" the checkout (`root`) and `VtmOptions` side by side, paths and lists as text.

    Raises:
        IdseError: No such engine, it is not there, or an option that it refuses.
    """
    if name != "vtm":
        return get_engine(name, **options)
    from idse.vtm.options import VtmOptions

    given = dict(options)
    root = given.pop("root", None)
    for key in ("tools", "extra"):
        if key in given:
            given[key] = tuple(given[key])
    if "executable" in given:
        given["executable"] = Path(given["executable"])
    return get_engine("vtm", root=None if root is None else Path(root), options=VtmOptions(**given))
