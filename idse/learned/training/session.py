"""What `idse train` has to do: the configuration, the folder, and the checkpoint to resume from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from idse.errors import IdseError
from idse.learned.training.checkpoint import RunFolder, run_of
from idse.learned.training.config import TrainingConfig, parse_config, read_config


@dataclass(frozen=True)
class Session:
    """A training to begin or to resume.

    Attributes:
        config: What to train.
        run: The run's folder.
        epoch: Epoch of the checkpoint to resume from; later ones are deleted. None: the last checkpoint.
    """

    config: TrainingConfig
    run: RunFolder
    epoch: int | None = None

    def begin(self) -> None:
        """Make the folder, or delete what is later than the checkpoint that training resumes from.

        Raises:
            IdseError: It cannot be written.
        """
        self.run.start(self.config.text, self.config.folder)
        self.run.rewind(self.epoch if self.epoch is not None else self.run.latest() or 0)


def open_session(what: Path | None, out: Path | None, resume: Path | None) -> Session:
    """Read the configuration and find the run's folder; nothing is written.

    Args:
        what: A configuration, or the folder of a run to resume.
        out: The run's folder; None: `runs/NAME`, with the name of the configuration's file.
        resume: A run's folder or one of its checkpoints.

    Raises:
        IdseError: Too few or too many arguments, a missing or damaged file, or a folder of another training.
    """
    if what is not None and what.is_dir():
        if resume is not None:
            raise IdseError(f"{what} and --resume {resume}: give one of them")
        what, resume = None, what
    if what is None and resume is None:
        raise IdseError("give a configuration (idse train CONFIG.toml), or a run to resume (--resume RUN)")
    if resume is not None and out is not None:
        raise IdseError(f"--resume continues in {resume}: remove -o")
    if resume is None:
        assert what is not None
        run, epoch = RunFolder(out or Path("runs") / what.stem), None
    else:
        run, epoch = _resumed(resume)
    old = _config_of(run)
    config = read_config(what) if what is not None else old
    if config is None:
        raise IdseError(f"{run.path}: not a run of idse train: give the configuration too")
    if old is None:
        _check_free(run.path)
    elif old.digest != config.digest and run.epochs():
        raise IdseError(
            f"{run.path}: has checkpoints of another configuration: choose another -o, or remove the folder"
        )
    return Session(config, run, epoch)


def _resumed(resume: Path) -> tuple[RunFolder, int | None]:
    if resume.is_dir():
        return RunFolder(resume), None
    if not resume.exists():
        raise IdseError(f"{resume}: no such run or checkpoint")
    return run_of(resume)


def _config_of(run: RunFolder) -> TrainingConfig | None:
    """The configuration that a run was started with."""
    started = run.started()
    if started is None:
        return None
    text, folder = started
    try:
        return parse_config(text, folder, run.path.resolve().name)
    except IdseError as error:
        raise IdseError(f"{run.config}: {error}") from None


def _check_free(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise IdseError(f"{folder}: is a file, but a run needs a folder: choose another -o")
    # A run that was killed before its configuration was written leaves these two; they may be overwritten.
    if folder.is_dir() and {path.name for path in folder.iterdir()} - {"checkpoints", "origin"}:
        raise IdseError(f"{folder}: is not empty and not a run of idse train: choose another -o")
