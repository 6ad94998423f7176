"""Finds engines by name, among the entry points `idse.engines` of all installed packages."""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from idse.engines.base import Engine
from idse.errors import IdseError

GROUP = "idse.engines"
_OWN = "idse"  # the distribution whose engines come first


@functools.cache
def _found() -> dict[str, list[EntryPoint]]:
    """Return the entry points by name: those of idse in its own order, then the others sorted by name."""
    points = list(entry_points(group=GROUP))
    own = [p for p in points if _distribution(p) == _OWN]
    others = sorted((p for p in points if _distribution(p) != _OWN), key=lambda p: (p.name, _distribution(p)))
    found: dict[str, list[EntryPoint]] = {}
    for point in [*own, *others]:
        found.setdefault(point.name, []).append(point)
    return found


def engine_names() -> tuple[str, ...]:
    """Return the names of the installed engines, those of idse first; no engine is imported."""
    return tuple(_found())


@functools.cache
def engine_class(name: str) -> type[Engine]:
    """Return the class of an engine; this imports its module, but does not look for the encoder yet.

    Args:
        name: One of `engine_names`.

    Raises:
        IdseError: There is no such engine, two packages have an engine of that name, or it cannot be used.
    """
    points = _found().get(name, [])
    if not any(_distribution(p) == _OWN for those in _found().values() for p in those):
        raise IdseError(
            "the installed idse is older than this code and does not list its engines: run 'pip install .' again"
        )
    if not points:
        raise IdseError(f"engine '{name}' is unknown: this version has {', '.join(engine_names())}")
    if len(points) > 1:
        packages = " and ".join(_distribution(p) or p.value for p in points)
        raise IdseError(f"engine '{name}' is in the packages {packages}: uninstall all but one of them")
    (point,) = points
    where = f"{point.value} of the package {_distribution(point)}"
    try:
        found = point.load()
    except Exception as error:  # importing a module of another package may raise anything
        words = " ".join(f"{type(error).__name__}: {error}".split())
        raise IdseError(f"engine '{name}' cannot be imported from {where} ({words})") from None
    if not isinstance(found, type) or not issubclass(found, Engine):
        raise IdseError(f"engine '{name}': {where} is not a subclass of idse.engines.Engine")
    if getattr(found, "name", None) != name:
        raise IdseError(f"engine '{name}': {where} calls itself '{getattr(found, 'name', '')}'; the names must agree")
    return found


def get_engine(name: str, **options: Any) -> Engine:
    """Make the engine of that name.

    Args:
        name: One of `engine_names`.
        options: Options of the engine (`Engine.option_names`): `root` and the fields of `VtmOptions` for "vtm";
            `preset`, `bit_depth` and `params` for the anchors (`idse.engines.ffmpeg`); `codec` for "learned"; none
            for "native".

    Raises:
        IdseError: There is no such engine or option, or the encoder is not installed.
    """
    return engine_class(name).from_options(options)


def _distribution(point: EntryPoint) -> str:
    return "" if point.dist is None else point.dist.name
