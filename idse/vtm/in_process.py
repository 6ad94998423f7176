"""VTM inside this process, through the optional module `idse._vtm` that is built from a patched checkout."""

from __future__ import annotations

import functools
import hashlib
import importlib
import time
from pathlib import Path
from typing import Any

from idse.errors import IdseError
from idse.vtm.log import Log


class InProcess:
    """The module `idse._vtm`, which takes the executable's arguments and codes one stream at a time.

    Raises:
        IdseError: The module is not built.
    """

    takes_profiles = True  # CMake builds the module only from sources that this version of idse patched

    def __init__(self) -> None:
        try:
            self._vtm: Any = importlib.import_module("idse._vtm")
        except ImportError as error:
            raise IdseError(
                f"VTM is not built into idse here ({error}): run 'pip install . -C cmake.define.VTM_ROOT=DIR' "
                "with the folder of a patched VTM, or leave in-process coding off"
            ) from None

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the module's file; empty if it has none."""
        file = getattr(self._vtm, "__file__", None)
        return "" if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()

    @property
    def version(self) -> str:
        """Version of the VTM in the module."""
        return str(self._vtm.version())

    @property
    def root(self) -> Path:
        """The checkout that the module was built from, which has the configuration files."""
        return Path(self._vtm.root())

    def run(self, arguments: list[str], log: Log, timeout: float | None) -> None:
        """Run the encoder to its end; every line that it prints goes to `log`.

        An exception in the log's progress callback and Ctrl-C end it at the next CTU.

        Raises:
            IdseError: The encoder failed or took too long.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        raised: list[BaseException] = []

        def progress(done: int, total: int, poc: int) -> bool:
            try:  # an exception cannot pass through VTM, so it is stored
                if deadline is not None and time.monotonic() > deadline:
                    raise IdseError(f"VTM was ended after {timeout:g} s (the timeout), {log.standing()}")
                log.take_progress(done, total, poc)
            except BaseException as error:
                raised.append(error)
            return not raised

        def listen(line: str) -> None:
            try:
                for part in line.splitlines():
                    log.take(part)
            except BaseException as error:
                raised.append(error)

        try:
            self._vtm.encode(arguments, progress, listen)
        except RuntimeError as error:
            if not raised:
                said = next(filter(None, map(str.strip, str(error).splitlines())), "")
                raise IdseError(f"VTM failed{f': {said}' if said else log.last_words()}") from None
        if raised:
            raise raised[0]
