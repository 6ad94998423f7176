"""Reads, replaces and removes complete files of a user's tree, with a one-line message for every error."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from idse.errors import IdseError

# VTM's CMake does not collect this suffix, so that files left behind by a kill -9 are never compiled.
_LEFTOVER = (".idse-", ".part")


def read(root: Path, name: str) -> bytes | None:
    """Return the content of the file `name` of the tree, or None if there is no such file.

    Raises:
        IdseError: The name is a folder, its path has a symbolic link, or the file cannot be read.
    """
    path = root / name
    try:
        if path.resolve() != path:
            raise IdseError(f"{path}: is reached through a symbolic link; patch the tree that has the file itself")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        raise IdseError(f"{path}: is a folder instead of a file; restore VTM's own tree") from None
    except OSError as error:
        raise IdseError(f"{path}: cannot be read ({error.strerror})") from None


def write(path: Path, data: bytes) -> None:
    """Write a complete file, or leave the existing one as it is; the mode of an existing file is kept.

    Raises:
        IdseError: The file cannot be written.
    """
    temporary = path.with_name(path.name.join(_LEFTOVER))
    try:
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise IdseError(f"cannot write {path}: {error.strerror or error}") from None


def remove(path: Path) -> None:
    """Remove a file if it exists.

    Raises:
        IdseError: The file cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise IdseError(f"cannot remove {path}: {error.strerror or error}") from None


def make_folder(path: Path) -> None:
    """Make a folder and its parents.

    Raises:
        IdseError: The folder cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IdseError(f"cannot make the folder {path}: {error.strerror or error}") from None


def check_writable(folder: Path) -> None:
    """Raise an `IdseError` if files in this folder cannot be replaced."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise IdseError(f"{folder}: is not writable; make the tree writable for you, or copy it")


def walk(root: Path, suffixes: tuple[str, ...]) -> tuple[list[str], list[Path]]:
    """Search the tree's `source/`.

    Returns:
        The names, relative to the root and with /, of the plain files with one of the suffixes; and temporary files
        that a killed patch left behind.
    """
    found, leftovers = [], [p for p in root.iterdir() if _is_leftover(p.name)]
    for folder, _, names in os.walk(root / "source"):
        for name in names:
            path = Path(folder, name)
            if _is_leftover(name):
                leftovers.append(path)
            elif name.endswith(suffixes) and not path.is_symlink():
                found.append(path.relative_to(root).as_posix())
    return sorted(found), leftovers


def _is_leftover(name: str) -> bool:
    return name.startswith(_LEFTOVER[0]) and name.endswith(_LEFTOVER[1])


@contextlib.contextmanager
def finishing() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM until the end of the block, which takes a fraction of a second."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []

    def wait(number: int, _: Any) -> None:
        waiting.append(number)

    before = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, wait)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    for number in waiting:
        signal.raise_signal(number)
