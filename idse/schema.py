"""Checks the tables of TOML files that users write against the annotations of settings classes.

The check itself is pydantic's, in strict mode: a text is no number, true is no number, and a key that the class does
not have is refused. A list is accepted for a tuple and a text for a `Path`. The messages are our own: one line that
names the key with its path and says what it must be. Pydantic is imported only when a table is checked, because
`idse encode` works without it.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from idse.errors import IdseError

_T = TypeVar("_T")
_LARGEST_INT = 2**63 - 1
_LARGEST_FLOAT = 2**1023
_SHOWN = 60


@dataclass(frozen=True)
class Range:
    """The range of a number, for `Annotated[int, Range(least=1)]` in a settings class.

    Attributes:
        least: The smallest value that is allowed.
        most: The greatest value that is allowed.
        above: The value must be greater than this.
        below: The value must be smaller than this.
    """

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def __str__(self) -> str:
        parts = (
            ("at least", self.least),
            ("above", self.above),
            ("at most", self.most),
            ("below", self.below),
        )
        return ", ".join(f"{words} {value}" for words, value in parts if value is not None)


def check_table(
    table: Mapping[str, Any],
    kind: Callable[..., _T],
    path: str,
    *,
    what: str = "",
    also: Collection[str] = (),
    made: Mapping[str, Any] | None = None,
) -> _T:
    """The settings that a table of a TOML file says.

    Numbers stay as they are written: 1 is accepted for a float and stays an int, so that hashes of settings stay the
    same.

    Args:
        table: Keys and values as the TOML file has them.
        kind: A dataclass. Its fields are the keys; fields without a default must be there.
        path: Where the table is in the file, such as "optimizer"; "": the file itself.
        what: What messages call the table, if that is not its path.
        also: Further keys of the table, which the caller reads itself.
        made: Fields whose values the caller has made already. They are no keys of the table.

    Raises:
        IdseError: A key is unknown or missing, a value has the wrong type or is out of its range, or pydantic is not
            installed.
    """
    made = made or {}
    fields = _fields(kind, frozenset(made))
    given = {key: value for key, value in table.items() if key in fields or key not in also}
    adapter = _adapter(kind, frozenset(made))
    try:
        values = adapter.validate_python(given)
    except ValueError as error:  # pydantic's own error is one
        found: list[dict[str, Any]] = error.errors(include_url=False)  # type: ignore[attr-defined]
        raise IdseError(_message(found, table, fields, also, path, what or path)) from None
    return kind(**values, **made)


def check_settings(settings: Any, path: str) -> None:
    """Check settings that were made in Python as those of a file are checked.

    Args:
        settings: An instance of a dataclass.
        path: What messages call it.

    Raises:
        IdseError: As `check_table`.
    """
    check_table({name: getattr(settings, name) for name in keys_of(type(settings))}, type(settings), path)


def keys_of(kind: type) -> tuple[str, ...]:
    """The names of a dataclass's fields."""
    return tuple(field.name for field in dataclasses.fields(kind))


@functools.lru_cache(maxsize=64)
def _fields(kind: Any, made: frozenset[str]) -> dict[str, Any]:
    """Annotations by the names of the fields."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in keys_of(kind) if name not in made}


@functools.lru_cache(maxsize=64)
def _adapter(kind: Any, made: frozenset[str]) -> Any:
    """Pydantic's validator of a table for the class; it gives a dict of the keys that were there."""
    try:
        from pydantic import ConfigDict, TypeAdapter
        from typing_extensions import NotRequired, Required, TypedDict
    except ImportError:
        raise IdseError("plans and configurations need pydantic: pip install 'idse[evaluate]'") from None
    needed = {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    keys = {
        name: (Required if name in needed else NotRequired)[_strict(annotation)]
        for name, annotation in _fields(kind, made).items()
    }
    shape: Any = TypedDict("Table", keys)  # type: ignore[misc]
    config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    shape.__pydantic_config__ = config  # type: ignore[attr-defined]
    return TypeAdapter(shape)


def _strict(annotation: Any, limits: Range | None = None) -> Any:
    """The annotation as pydantic shall check it."""
    from pydantic import BeforeValidator, Field

    limits = limits or Range()
    bounds: dict[str, Any] = {"gt": limits.above, "lt": limits.below}
    if annotation is int:
        least = -_LARGEST_INT if limits.least is None else limits.least
        most = _LARGEST_INT if limits.most is None else limits.most
        return Annotated[int, Field(ge=least, le=most, **bounds)]
    if annotation is float:
        least = -_LARGEST_FLOAT if limits.least is None else limits.least
        most = _LARGEST_FLOAT if limits.most is None else limits.most
        field = Field(ge=least, le=most, **bounds)
        return Annotated[int, field] | Annotated[float, field]  # an int stays one
    if annotation is Path:
        return Annotated[Path, BeforeValidator(lambda v: Path(v) if isinstance(v, str) else v)]
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _strict(args[0], next((a for a in args[1:] if isinstance(a, Range)), None))
    if origin in (Union, types.UnionType):
        return Union[tuple(_strict(a, limits) for a in args)]  # noqa: UP007
    if origin is tuple:
        parts = tuple(a if a is Ellipsis else _strict(a, limits) for a in args)
        return Annotated[
            tuple[parts],  # type: ignore[valid-type]
            BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v),
        ]
    return annotation


def _message(
    errors: list[dict[str, Any]],
    table: Mapping[str, Any],
    fields: Mapping[str, Any],
    also: Collection[str],
    path: str,
    what: str,
) -> str:
    """The first of pydantic's errors in our words; a misspelt key comes before what is missing for it."""
    error = next((e for e in errors if e["type"] == "extra_forbidden" and len(e["loc"]) == 1), errors[0])
    key = error["loc"][0]
    if key not in fields:
        return f"unknown key '{key}' in {what}: it takes {', '.join(sorted({*fields, *also}))}"
    place, annotation = f"{path}.{key}" if path else str(key), fields[key]
    if key not in table:
        return f"{place} is missing: it must be {_described(annotation, place)}"
    value = table[key]
    for step in error["loc"][1:]:  # into lists; what pydantic adds for the branches of a union is left out
        parts = _parts(annotation)
        if (
            not isinstance(step, int)
            or not isinstance(value, (list, tuple))
            or step >= len(value)
            or not parts
        ):
            break
        annotation = parts[0] if parts[-1] is Ellipsis else parts[min(step, len(parts) - 1)]
        place, value = f"{place}[{step}]", value[step]
    return f"{place} {_shown(value)}: must be {_described(annotation, place)}"


def _parts(annotation: Any) -> tuple[Any, ...]:
    """The annotations of a tuple's parts; () for anything else."""
    for choice in _choices(annotation):
        if get_origin(choice) is tuple:
            return get_args(choice)
    return ()


def _choices(annotation: Any) -> tuple[Any, ...]:
    """What a union consists of, without None; otherwise the annotation itself, in both cases without `Annotated`."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(a for a in get_args(annotation) if a is not type(None))
    return (annotation,)


_NAMES: dict[Any, tuple[str, str]] = {
    bool: ("true or false", "values true or false"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a text", "texts"),
    Path: ("the name of a file or folder", "names of files or folders"),
}
"""What a type is called in messages, alone and in a list."""


def _described(annotation: Any, place: str) -> str:
    """What a value must be, in plain words."""
    limits = next((a for a in get_args(annotation)[1:] if isinstance(a, Range)), None)
    choice = _choices(annotation)[0]
    origin, args = get_origin(choice), get_args(choice)
    if origin is Literal:
        return "one of " + ", ".join(f'"{a}"' for a in args)
    if origin is tuple:
        count = "" if args[-1] is Ellipsis else f"{len(args)} "
        return f"a list of {count}{_NAMES[_choices(args[0])[0]][1]}"
    if origin is list:
        return f"written as [[{place}]]"
    if origin is dict:
        return "a table" if args[1] is Any else f"a table of {_NAMES[args[1]][1]}"
    return _NAMES[choice][0] + (f", {limits}" if limits is not None else "")


def _shown(value: Any) -> str:
    """A value of a TOML file for a message, on one line and not too long."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
