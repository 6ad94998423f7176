"""A training's folder: configuration, checkpoints, log; what is needed to go on after any end of the process.

RUN/
  config.toml              the configuration, as it was given
  origin                   the folder that its paths are relative to
  checkpoints/epoch-0005.pt
  log.jsonl                a line an epoch
  tensorboard/
  codec.idsec              the chosen points (see `selection`), and task-0.onnx ... where the detector was trained

Every file appears whole or not at all. What a killed process left half-written has a name of its own that the next one
removes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from idse.errors import IdseError
from idse.json_text import parse_json
from idse.media.files import replacing, write_bytes

_FORMAT = "idse checkpoint 1"
_NAME = re.compile(r"epoch-(\d{4,})\.pt")


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors and plain values (dicts, lists, tuples, numbers, strings, None), whole or not at all.

    Raises:
        IdseError: The file cannot be written.
    """
    with replacing(path) as temporary:
        torch.save({"format": _FORMAT, "state": dict(state)}, temporary)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote; tensors on the CPU. Runs no code from the file.

    Raises:
        IdseError: No such file, a damaged one, or no checkpoint.
    """
    if not path.is_file():
        raise IdseError(f"{path}: no such checkpoint")
    try:
        with zipfile.ZipFile(path) as archive:  # torch itself does not look at the check sums
            broken = archive.testzip()
        if broken is not None:
            raise zipfile.BadZipFile(broken)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise IdseError(f"{path}: no checkpoint of idse train") from None
    except Exception as error:  # pickles and archives fail in many ways
        if isinstance(error, PermissionError):
            raise IdseError(f"{path}: cannot be read: {error.strerror}") from None
        raise IdseError(f"{path}: damaged, or no checkpoint of idse train") from None
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise IdseError(f"{path}: no checkpoint of idse train, or one of another version")
    return dict(found["state"])


class RunFolder:
    """The files of one training.

    Args:
        path: The folder; it need not be there before `start`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.toml"
        self.codec = path / "codec.idsec"
        self.tensorboard = path / "tensorboard"
        self._origin = path / "origin"
        self._checkpoints = path / "checkpoints"
        self._log = path / "log.jsonl"
        self._made: list[Path] = []
        self._fresh = False

    def make(self) -> None:
        """Make the folder, where it is missing.

        Raises:
            IdseError: It cannot be made.
        """
        try:
            for folder in (*reversed(self.path.parents), self.path, self._checkpoints):
                if not folder.exists():
                    folder.mkdir()
                    self._made.append(folder)
        except OSError as error:
            raise IdseError(f"cannot make the folder {self._checkpoints}: {error.strerror}") from error

    def start(self, config: str, folder: Path) -> None:
        """Make the folder and put the configuration there.

        Args:
            config: The TOML's words.
            folder: What its paths are relative to.

        Raises:
            IdseError: It cannot be made.
        """
        self.make()
        self._fresh = not self.config.exists()
        write_bytes(self._origin, f"{folder.resolve()}\n".encode())
        write_bytes(self.config, config.encode())  # last: a folder with a configuration is a run

    def started(self) -> tuple[str, Path] | None:
        """The configuration's words and the folder of its paths; None where no run has begun.

        Raises:
            IdseError: They cannot be read.
        """
        if not self.config.is_file():
            return None
        try:
            return self.config.read_text(encoding="utf-8"), Path(self._origin.read_text().rstrip("\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise IdseError(f"{self.path}: no whole run of idse train ({error}): choose another -o") from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training here; the lock ends with the process, however that ends.

        Raises:
            IdseError: Another one does, or the folder cannot be made.
        """
        self.make()
        folder = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise IdseError(
                    f"{self.path}: another idse train is at work there: choose another -o"
                ) from None
            except OSError:
                pass  # some network file systems lock no folders: then nobody watches
            for place in (self.path, self._checkpoints):
                for left in place.glob(".*.part*"):
                    left.unlink(missing_ok=True)
            yield
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Remove what this process made of a run that has not begun to train."""
        if self._fresh:
            self.config.unlink(missing_ok=True)
            self._origin.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something else lies there by now
            while self._made:
                self._made.pop().rmdir()

    def epochs(self) -> list[int]:
        """Epochs that have a checkpoint, rising."""
        if not self._checkpoints.is_dir():
            return []
        names = [_NAME.fullmatch(path.name) for path in self._checkpoints.iterdir()]
        return sorted(int(name[1]) for name in names if name)

    def latest(self) -> int | None:
        """The last epoch that has a checkpoint."""
        return max(self.epochs(), default=None)

    def checkpoint(self, epoch: int) -> Path:
        """The file of an epoch's checkpoint."""
        return self._checkpoints / f"epoch-{epoch:04d}.pt"

    def save(self, epoch: int, state: Mapping[str, Any]) -> None:
        """Write an epoch's checkpoint; `epoch` is added to the state.

        Raises:
            IdseError: It cannot be written.
        """
        save_checkpoint(self.checkpoint(epoch), {**state, "epoch": epoch})

    def load(self, epoch: int) -> dict[str, Any]:
        """Read an epoch's checkpoint.

        Raises:
            IdseError: It is not there or damaged; the line names an earlier one to go on from.
        """
        try:
            return load_checkpoint(self.checkpoint(epoch))
        except IdseError as error:
            earlier = [e for e in self.epochs() if e < epoch]
            if not earlier:
                raise
            raise IdseError(f"{error}; go on from --resume {self.checkpoint(earlier[-1])}") from None

    def rewind(self, epoch: int) -> None:
        """Drop whatever is later than an epoch's checkpoint; 0: all. The same training then goes on from there."""
        for later in self.epochs():
            if later > epoch:
                self.checkpoint(later).unlink()
        lines = [entry for entry in self.read_log() if entry["epoch"] <= epoch]
        if self._log.exists():
            write_bytes(self._log, "".join(map(_line, lines)).encode())

    def log(self, entry: Mapping[str, Any]) -> None:
        """Add an epoch's line; `entry` has `epoch`, and may have anything that JSON can say."""
        with self._log.open("a", encoding="utf-8") as log:
            log.write(_line(entry))
            log.flush()
            os.fsync(log.fileno())

    def read_log(self) -> list[dict[str, Any]]:
        """The epochs' lines; a last one that a kill cut short is left out.

        Raises:
            IdseError: Another line is no JSON.
        """
        try:
            lines = self._log.read_text(encoding="utf-8").splitlines(keepends=True)
        except FileNotFoundError:
            return []
        if lines and not lines[-1].endswith("\n"):
            lines.pop()
        try:
            return [parse_json(line) for line in lines]
        except ValueError:
            raise IdseError(f"{self._log}: a line is damaged: remove it") from None

    def task(self, point: int, suffix: str) -> Path:
        """The file of the detector that was trained for a point of the codec's file."""
        return self.path / f"task-{point}{suffix}"


def run_of(checkpoint: Path) -> tuple[RunFolder, int]:
    """The run and the epoch of a checkpoint's file.

    Raises:
        IdseError: It does not lie in a run.
    """
    name = _NAME.fullmatch(checkpoint.name)
    run = RunFolder(checkpoint.resolve().parents[1])
    if not name or checkpoint.resolve() != run.checkpoint(int(name[1])).resolve():
        raise IdseError(f"{checkpoint}: no checkpoint of a run: they lie as RUN/checkpoints/epoch-0005.pt")
    return run, int(name[1])


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry) + "\n"
