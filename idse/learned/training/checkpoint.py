"""The folder of a training: configuration, checkpoints, log, and all that is needed to resume after a crash.

RUN/
  config.toml              the configuration, as it was given
  origin                   the folder to which its paths are relative
  checkpoints/epoch-0005.pt
  log.jsonl                one line per epoch
  tensorboard/
  codec.idsec              the selected points (see `selection`), and task-0.onnx ... if the detector was trained

Every file is written completely or not at all. A killed process can leave temporary files; the next one deletes them.
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
    """Write tensors and plain values (dicts, lists, tuples, numbers, strings, None), completely or not at all.

    Raises:
        IdseError: The file cannot be written.
    """
    with replacing(path) as temporary:
        torch.save({"format": _FORMAT, "state": dict(state)}, temporary)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, with tensors on the CPU. No code from the file is run.

    Raises:
        IdseError: The file is missing, damaged, or not a checkpoint.
    """
    if not path.is_file():
        raise IdseError(f"{path}: no such checkpoint")
    try:
        with zipfile.ZipFile(path) as archive:  # torch itself does not verify the checksums
            broken = archive.testzip()
        if broken is not None:
            raise zipfile.BadZipFile(broken)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise IdseError(f"{path}: not a checkpoint of idse train") from None
    except Exception as error:  # pickles and archives fail in many ways
        if isinstance(error, PermissionError):
            raise IdseError(f"{path}: cannot be read: {error.strerror}") from None
        raise IdseError(f"{path}: damaged, or not a checkpoint of idse train") from None
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise IdseError(f"{path}: not a checkpoint of idse train, or of another version")
    return dict(found["state"])


class RunFolder:
    """The files of one training.

    Args:
        path: The folder; `start` makes it if it does not exist.
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
        """Make the folder if it does not exist.

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
        """Make the folder, and write the configuration into it.

        Args:
            config: Text of the TOML file.
            folder: The folder to which its paths are relative.

        Raises:
            IdseError: It cannot be made.
        """
        self.make()
        self._fresh = not self.config.exists()
        write_bytes(self._origin, f"{folder.resolve()}\n".encode())
        write_bytes(self.config, config.encode())  # written last: a folder with a configuration is a run

    def started(self) -> tuple[str, Path] | None:
        """Text of the configuration and the folder of its paths; None if no run was started here.

        Raises:
            IdseError: They cannot be read.
        """
        if not self.config.is_file():
            return None
        try:
            return self.config.read_text(encoding="utf-8"), Path(self._origin.read_text().rstrip("\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise IdseError(
                f"{self.path}: not a complete run of idse train ({error}): choose another -o"
            ) from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder against other trainings; the lock ends with the process, even if it is killed.

        Raises:
            IdseError: Another process trains here, or the folder cannot be made.
        """
        self.make()
        folder = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise IdseError(
                    f"{self.path}: another idse train is running there: choose another -o"
                ) from None
            except OSError:
                pass  # some network file systems cannot lock folders: training continues without a lock
            for place in (self.path, self._checkpoints):
                for left in place.glob(".*.part*"):
                    left.unlink(missing_ok=True)
            yield
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Delete the files and folders that this process made for a run that did not start to train."""
        if self._fresh:
            self.config.unlink(missing_ok=True)
            self._origin.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # other files are in the folder by now
            while self._made:
                self._made.pop().rmdir()

    def epochs(self) -> list[int]:
        """Epochs that have a checkpoint, in ascending order."""
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
            IdseError: It is missing or damaged; the message names an earlier checkpoint to resume from.
        """
        try:
            return load_checkpoint(self.checkpoint(epoch))
        except IdseError as error:
            earlier = [e for e in self.epochs() if e < epoch]
            if not earlier:
                raise
            raise IdseError(
                f"{error}; resume from an earlier one: --resume {self.checkpoint(earlier[-1])}"
            ) from None

    def rewind(self, epoch: int) -> None:
        """Delete all that is later than an epoch's checkpoint (0: everything), so that training resumes from it."""
        for later in self.epochs():
            if later > epoch:
                self.checkpoint(later).unlink()
        lines = [entry for entry in self.read_log() if entry["epoch"] <= epoch]
        if self._log.exists():
            write_bytes(self._log, "".join(map(_line, lines)).encode())

    def log(self, entry: Mapping[str, Any]) -> None:
        """Append an epoch's line; `entry` has `epoch`, and any other values that JSON can represent."""
        with self._log.open("a", encoding="utf-8") as log:
            log.write(_line(entry))
            log.flush()
            os.fsync(log.fileno())

    def read_log(self) -> list[dict[str, Any]]:
        """Read the epochs' lines; an incomplete last line of a killed process is ignored.

        Raises:
            IdseError: Another line is not valid JSON.
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
            raise IdseError(f"{self._log}: a line is damaged: delete that line") from None

    def task(self, point: int, suffix: str) -> Path:
        """Path of the detector that was trained for a point of the codec file."""
        return self.path / f"task-{point}{suffix}"


def run_of(checkpoint: Path) -> tuple[RunFolder, int]:
    """The run and the epoch of a checkpoint file.

    Raises:
        IdseError: The file is not in the folder of a run.
    """
    name = _NAME.fullmatch(checkpoint.name)
    run = RunFolder(checkpoint.resolve().parents[1])
    if not name or checkpoint.resolve() != run.checkpoint(int(name[1])).resolve():
        raise IdseError(
            f"{checkpoint}: not a checkpoint of a run: give a path like RUN/checkpoints/epoch-0005.pt"
        )
    return run, int(name[1])


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry) + "\n"
