"""Runs VTM's encoder in a process of its own, and leaves none behind."""

from __future__ import annotations

import contextlib
import hashlib
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from idse.errors import IdseError
from idse.vtm.log import Log

_OPTION = (
    b"--IDSEWeightMap"  # in the help of a patched encoder alone; compilers may break the text up in the file
)
_HELP_SECONDS = 60.0
_LAUNCHER = Path(__file__).with_name("launcher.py")
_PATIENCE = 2.0  # seconds that a process has to end when asked
_TICK = 0.5  # seconds between looks at the clock
_EXIT = 60.0  # seconds a process that has closed its output may take to free its memory


@dataclass(frozen=True)
class Executable:
    """An encoder that can be run.

    Attributes:
        patched: Whether it was built from patched sources.
        sha256: Of the file.
        stamp: Changes when the file is written anew.
    """

    path: Path
    patched: bool
    sha256: str
    stamp: tuple[int, ...]

    @classmethod
    def open(cls, path: Path) -> Executable:
        """Look at the file.

        Raises:
            IdseError: It is not there, or cannot be run.
        """
        try:
            stamp, data = _stamp(path), path.read_bytes()
        except OSError as error:
            raise IdseError(f"{path}: cannot be read ({error.strerror}); name VTM's EncoderApp") from None
        if not os.access(path, os.X_OK):
            raise IdseError(f"{path}: is no program that may be run; name VTM's EncoderApp")
        return cls(path.resolve(), _OPTION in _help(path), hashlib.sha256(data).hexdigest(), stamp)

    def run(self, arguments: list[str], log: Log, timeout: float | None) -> None:
        """Run it to its end; every line it prints goes to `log`.

        Whatever ends this early (what the log's progress raises, Ctrl-C, the timeout) ends the process and all that
        it started first. If this process is killed, Linux kills the encoder.

        Raises:
            IdseError: It failed, crashed or took too long, or is another program than the one that was opened.
        """
        command = [str(self.path), *arguments]
        if sys.executable:
            command = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *command]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | {"LC_ALL": "C"},  # VTM reads numbers with a point
                start_new_session=True,  # Ctrl-C comes to us alone, and the group can be ended as one
            )
        except OSError as error:
            raise IdseError(f"cannot run {self.path}: {error.strerror}") from None
        try:
            closed = _listen(process, log, timeout)
            code = process.wait(_EXIT if closed else None)
        except BaseException as error:
            _end(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise IdseError(
                    f"{self.path}: closed its output and went on; is it VTM's EncoderApp?"
                ) from None
            raise
        if not closed:
            _kill(process.pid, signal.SIGKILL)  # something it left running holds the pipe, and so the group
        _close(process)
        if code:
            raise IdseError(f"VTM {_cause(code)}{log.last_words()}")
        if not self._is_the_same():  # its hash would name what another one coded
            raise IdseError(f"{self.path}: VTM was built anew meanwhile: start again")

    def _is_the_same(self) -> bool:
        try:
            return _stamp(self.path) == self.stamp
        except OSError:
            return False


def _stamp(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _help(path: Path) -> bytes:
    try:
        done = subprocess.run(
            [path.resolve(), "--help"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_HELP_SECONDS,
            check=False,
        )
    except OSError as error:
        raise IdseError(f"cannot run {path}: {error.strerror}; name VTM's EncoderApp, built here") from None
    except subprocess.TimeoutExpired:
        raise IdseError(f"{path}: does not even print its help; name VTM's EncoderApp") from None
    return done.stdout


def _listen(process: subprocess.Popen[bytes], log: Log, timeout: float | None) -> bool:
    """Pass on lines; says whether all of them came, until the output was closed."""
    assert process.stdout is not None
    deadline = None if timeout is None else time.monotonic() + timeout
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if deadline is not None and time.monotonic() > deadline:
                raise IdseError(f"VTM was ended after {timeout:g} s (the timeout), {log.standing()}")
            if not selector.select(_TICK):
                if process.poll() is not None:
                    return False
                continue
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                log.take(line.decode("utf-8", "replace"))
    if rest:
        log.take(rest.decode("utf-8", "replace"))
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group, politely at first; returns when the process is gone."""
    try:
        if process.poll() is None:
            _kill(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
    finally:  # also if Ctrl-C comes twice
        _kill(process.pid, signal.SIGKILL)  # the process, or what it left running
        process.wait()
        _close(process)


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdout is not None:
        process.stdout.close()


def _kill(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _cause(code: int) -> str:
    if code > 0:
        return f"failed with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was ended by {name}" + (" (is the memory full?)" if -code == signal.SIGKILL else "")
