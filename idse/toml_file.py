"""TOML files that users write: read whole, with the file's name before whatever is wrong in it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from idse.errors import IdseError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_T = TypeVar("_T")


def read_toml_file(path: Path, what: str, parse: Callable[[str, Path, str], _T]) -> _T:
    """What `parse` makes of a file's text, its folder and its name without suffix.

    Args:
        path: The file.
        what: What the file is, for the message when it is missing.
        parse: Raises an `IdseError` for what is wrong.

    Raises:
        IdseError: The file cannot be read, or `parse` refuses it; the line begins with the path.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise IdseError(f"{path}: no such {what}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise IdseError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'no text'})") from None
    try:
        return parse(text, path.parent, path.stem)
    except IdseError as error:
        raise IdseError(f"{path}: {error}") from None


def toml_table(text: str) -> dict[str, Any]:
    """The table that a TOML text is.

    Raises:
        IdseError: It is none.
    """
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise IdseError(f"no TOML: {error}") from None
    except RecursionError:
        raise IdseError("no TOML: nested too deep") from None


def toml_text(table: Mapping[str, Any]) -> str:
    """A table as the text of a TOML file; `toml_table` reads it.

    Raises:
        IdseError: A text in it cannot be written as UTF-8 (the name of a file in another encoding), or TOML has no
            form for a value.
    """
    import tomli_w

    text = tomli_w.dumps(table)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        broken = next(line for line in text.splitlines() if not _is_utf8(line))
        shown = broken.encode("utf-8", "backslashreplace").decode()
        raise IdseError(f"{shown}: the name is not UTF-8, which TOML needs: rename the file") from None
    return text


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
