"""Runs VTM's encoder in a separate process, and leaves no process behind."""

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
    b"--IDSEWeightMap"  # only the help of a patched encoder has it; compilers may split the text in the file
)
_FREQUENCY_OPTION = b"--IDSEGamma"
_HELP_SECONDS = 60.0
_LAUNCHER = Path(__file__).with_name("launcher.py")
_PATIENCE = 2.0  # seconds that a process has to end after SIGTERM
_TICK = 0.5  # seconds between checks of the timeout
_EXIT = 60.0  # seconds that a process may take to free its memory after it has closed its output


@dataclass(frozen=True)
class Executable:
    """An encoder that can be run.

    Attributes:
        patched: Whether it was built from patched sources.
        takes_profiles: Whether their patch has weights over frequency.
        sha256: SHA-256 of the file.
        stamp: A value that changes when the file is written again.
    """

    path: Path
    patched: bool
    takes_profiles: bool
    sha256: str
    stamp: tuple[int, ...]

    @classmethod
    def open(cls, path: Path) -> Executable:
        """Inspect the file.

        Raises:
            IdseError: The file does not exist, or cannot be run.
        """
        try:
            stamp, data = _stamp(path), path.read_bytes()
        except OSError as error:
            raise IdseError(f"{path}: cannot be read ({error.strerror}); name VTM's EncoderApp") from None
        if not os.access(path, os.X_OK):
            raise IdseError(f"{path}: is not an executable program; name VTM's EncoderApp")
        words = _help(path)
        digest = hashlib.sha256(data).hexdigest()
        return cls(path.resolve(), _OPTION in words, _FREQUENCY_OPTION in words, digest, stamp)

    def run(self, arguments: list[str], log: Log, timeout: float | None) -> None:
        """Run the encoder to its end; every line that it prints goes to `log`.

        An exception in the log's progress callback, Ctrl-C and the timeout end the process and all processes that it
        started. If this process is killed, Linux kills the encoder.

        Raises:
            IdseError: The encoder failed, crashed or took too long, or its file was replaced in the meantime.
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
                env=os.environ | {"LC_ALL": "C"},  # VTM expects a decimal point in numbers
                start_new_session=True,  # only this process gets Ctrl-C, and it can end the group as a whole
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
                    f"{self.path}: closed its output but did not end; is it VTM's EncoderApp?"
                ) from None
            raise
        if not closed:
            _kill(process.pid, signal.SIGKILL)  # a process that it left running holds the pipe
        _close(process)
        if code:
            raise IdseError(f"VTM {_cause(code)}{log.last_words()}")
        if not self._is_the_same():  # the hash would not be that of the encoder that ran
            raise IdseError(f"{self.path}: VTM was built again during the encode: start again")

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
        raise IdseError(f"{path}: cannot print its help; name VTM's EncoderApp") from None
    return done.stdout


def _listen(process: subprocess.Popen[bytes], log: Log, timeout: float | None) -> bool:
    """Pass the lines on; return whether all lines up to the end of the output were read."""
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
    """End the whole process group, first with SIGTERM and then with SIGKILL; return when the process has ended."""
    try:
        if process.poll() is None:
            _kill(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
    finally:  # also if Ctrl-C is pressed twice
        _kill(process.pid, signal.SIGKILL)  # the process, or processes that it left running
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
