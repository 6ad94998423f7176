"""Writing files completely or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from idse.errors import IdseError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder, with the same suffix; the file is renamed to `path` at the end.

    If anything fails (Ctrl-C, a full disk), the temporary file is deleted and `path` does not change. A path that
    exists and is not a regular file (`/dev/null`, a pipe) is written directly.

    Raises:
        IdseError: The file cannot be written; an `OSError` of the block is converted to this.
    """
    try:
        if path.exists() and not path.is_file():
            if path.is_dir():
                raise IdseError(f"cannot write {path}: it is a folder; name a file")
            yield path
            return
        temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
        try:
            temporary.touch()  # reports a read-only folder before any work is done
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise IdseError(f"cannot write {path}: {error.strerror or error}") from error


def check_writable(path: Path) -> None:
    """Raise an `IdseError` now if `path` could not be written later; no file is left."""
    parent = path.parent
    if path.is_dir():
        raise IdseError(f"cannot write {path}: it is a folder; name a file")
    if not parent.is_dir():
        raise IdseError(f"cannot write {path}: the folder {parent} does not exist; make it first")
    if path.exists() and not path.is_file():
        return
    probe = parent / f".{path.stem}.{os.getpid()}.probe"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise IdseError(f"cannot write {path}: {error.strerror}; choose another folder") from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
