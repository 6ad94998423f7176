"""A training's configuration: a TOML file, read and checked. Paths are relative to the file.

name = "hyperprior"
seed = 0
[data]                    # a data set as in a sweep's plan, and
crop = 192                # samples; 0: whole pictures
batch = 8
validation = 8            # the last so many pictures are held out
[codec]
system = "scale-hyperprior"
channels = 64
latent = 96
init = "../base/codec.idsec"   # or a checkpoint; init_point: which of its points
# start_gain = 60               # or begin with wavelets (see `wavelet_start`); without both: random
[codec.mask]              # LSMnet
detector = "yolox_nano.onnx"
[task]
model = "yolox_nano.onnx"
loss = "features"
[setup]
name = "baseline"
[optimizer]
lr = 1e-4
[schedule]
epoch_steps = 100
[[schedule.phases]]
epochs = 50
rate = 1e-3
[selection]
metric = "task_loss"
points = 5
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from idse.datasets import DatasetSettings
from idse.datasets.table import read_dataset_table
from idse.errors import IdseError
from idse.hashing import settings_hash
from idse.learned.models.settings import MaskSettings, ModelSettings
from idse.learned.tasks.base import TaskSettings
from idse.learned.training.schedule import LeSchedule, Phase, PhaseSchedule, Schedule
from idse.learned.training.setup import Setup
from idse.schema import Range, check_table, keys_of
from idse.toml_file import read_toml_file, toml_table

Metric = Literal["task_loss", "psnr", "ap", "map"]


@dataclass(frozen=True)
class DataSettings:
    """What is trained on.

    Attributes:
        dataset: As in a sweep's plan.
        crop: Side of the crops in samples; 0: whole pictures (of which only those of one size share a batch).
        batch: Pictures of a step, on each device.
        validation: The last so many pictures are held out; checkpoints are chosen by them.
        flip: Whether half of the pictures are mirrored.
    """

    dataset: DatasetSettings
    crop: Annotated[int, Range(least=0)] = 256
    batch: Annotated[int, Range(least=1)] = 8
    validation: Annotated[int, Range(least=1)] = 8
    flip: bool = True


@dataclass(frozen=True)
class OptimizerSettings:
    """Adam.

    Attributes:
        lr: Learning rate.
        task_lr: Of the task model where the others have `lr`; it follows the phases in proportion. None: the same.
        accumulate: Batches of one step.
        amp: Mixed precision: float16 with scaled gradients on CUDA, bfloat16 on a CPU.
        clip: Greatest norm of the gradients; 0: not clipped.
    """

    lr: Annotated[float, Range(above=0)] = 1e-4
    task_lr: Annotated[float | None, Range(above=0)] = None
    accumulate: Annotated[int, Range(least=1)] = 1
    amp: bool = False
    clip: Annotated[float, Range(least=0)] = 1.0


@dataclass(frozen=True)
class SelectionSettings:
    """Checkpoints, and which of them make the codec.

    Attributes:
        metric: "task_loss" (lower is better), "psnr", "ap" (against detections on the uncompressed picture) or "map"
            (against annotations): the quality along the Pareto front.
        points: At most so many points.
        every: A checkpoint after each so many epochs.
        first: Earlier epochs are left out: those in which rate had no weight yet, say.
    """

    metric: Metric = "task_loss"
    points: Annotated[int, Range(least=1)] = 5
    every: Annotated[int, Range(least=1)] = 1
    first: Annotated[int, Range(least=0)] = 0


@dataclass(frozen=True)
class TrainingConfig:
    """All that decides a training's outcome.

    Attributes:
        name: Of the codec.
        seed: Of weights, crops and noise.
        data: What is trained on.
        model: The codec's network.
        init: Weights to begin with: a codec's file or a checkpoint.
        init_point: Which of the file's points.
        start_gain: Without `init`: begin with wavelets, and so many latent steps a unit of the picture.
        task: What looks at decoded pictures; None: rate and MSE alone.
        setup: Which parts are trained.
        optimizer: How.
        epoch_steps: Steps of an epoch; None: as many as the data have.
        schedule: Weights of the loss.
        selection: Which checkpoints make the codec.
        text: The file's own words.
        folder: What its paths are relative to.
    """

    name: str
    seed: int
    data: DataSettings
    model: ModelSettings
    init: Path | None
    init_point: int
    start_gain: float | None
    task: TaskSettings | None
    setup: Setup
    optimizer: OptimizerSettings
    epoch_steps: int | None
    schedule: Schedule
    selection: SelectionSettings
    text: str = ""
    folder: Path = Path()

    @property
    def digest(self) -> str:
        """Changes with whatever decides the weights; not with how checkpoints are chosen or where files lie."""
        table = toml_table(self.text)
        table.pop("selection", None)
        table.pop("name", None)
        return settings_hash(table, 16)


@dataclass(frozen=True)
class _ConfigTable:
    """The keys of a configuration's file, for `check_table`."""

    data: dict[str, Any]
    codec: dict[str, Any]
    schedule: dict[str, Any]
    name: str = ""
    seed: Annotated[int, Range(least=0)] = 0
    task: dict[str, Any] = field(default_factory=dict)
    setup: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    selection: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _StartTable:
    """The keys of `[codec]` that say what the weights are at the beginning."""

    init: Path | None = None
    init_point: Annotated[int, Range(least=0)] = 0
    start_gain: Annotated[float | None, Range(above=0)] = None


@dataclass(frozen=True)
class _SetupTable:
    """The keys of `[setup]`, which are the arguments of `Setup.of`."""

    name: str = "baseline"
    decoder_fixed: bool = False
    train: tuple[str, ...] | None = None
    rounding: str = "noise"
    gains: bool = False


@dataclass(frozen=True)
class _ScheduleTable:
    """The keys of `[schedule]` that both kinds have."""

    kind: Literal["phases", "le"] = "phases"
    epoch_steps: Annotated[int | None, Range(least=1)] = None


@dataclass(frozen=True)
class _PhasesTable:
    """The keys of a `[schedule]` of kind "phases"."""

    phases: list[dict[str, Any]] = field(default_factory=list)


def read_config(path: Path) -> TrainingConfig:
    """Read a configuration's file.

    Raises:
        IdseError: It cannot be read, is no TOML, or says something unknown.
    """
    return read_toml_file(path, "configuration", parse_config)


def parse_config(text: str, folder: Path, name: str = "codec") -> TrainingConfig:
    """A configuration from its words; paths are relative to `folder`.

    Raises:
        IdseError: No TOML, or something unknown, missing or out of its range.
    """
    table = toml_table(text)
    top = check_table(table, _ConfigTable, "", what="the configuration")
    model = _model(top.codec, folder)
    start = check_table(
        {k: v for k, v in top.codec.items() if k in keys_of(_StartTable)}, _StartTable, "codec"
    )
    setup = check_table(top.setup, _SetupTable, "setup")
    schedule, epoch_steps = _schedule(top.schedule)
    config = TrainingConfig(
        name=table.get("name", name),
        seed=top.seed,
        data=_data(top.data, folder),
        model=model,
        init=None if start.init is None else folder / start.init,
        init_point=start.init_point,
        start_gain=start.start_gain,
        task=_task(top.task, folder) if top.task else None,
        setup=Setup.of(setup.name, setup.decoder_fixed, setup.train, setup.rounding, setup.gains),
        optimizer=check_table(top.optimizer, OptimizerSettings, "optimizer"),
        epoch_steps=epoch_steps,
        schedule=schedule,
        selection=check_table(top.selection, SelectionSettings, "selection"),
        text=text,
        folder=folder,
    )
    _check(config)
    return config


def _check(config: TrainingConfig) -> None:
    asks = max(config.schedule.weights(e).task for e in range(config.schedule.epochs)) > 0
    if config.task is None:
        if asks or "task" in config.setup.train:
            raise IdseError("the schedule or the set-up asks for a task: give a [task]")
        if config.selection.metric != "psnr":
            raise IdseError(
                f"selection: metric '{config.selection.metric}' needs a [task]; without one it is psnr"
            )
    if "mask" in config.setup.train and config.model.mask is None:
        raise IdseError("set-up: the mask is to be trained: give a [codec.mask]")
    if config.start_gain is not None and config.init is not None:
        raise IdseError("codec: init and start_gain: give one of them")
    points = [config.schedule.init_point(epoch) for epoch in range(config.schedule.epochs)]
    if config.init is None and any(point is not None for point in points):
        raise IdseError("schedule: init_point needs the file of a codec: give codec.init")
    gains = [config.schedule.gain(epoch) for epoch in range(config.schedule.epochs)]
    if any(gain != 1 for gain in gains) and not {"encoder", "decoder", "entropy"} <= set(config.setup.train):
        raise IdseError("schedule: gain changes encoder and decoder: train both, or leave it out")
    if config.init is None and not {"encoder", "decoder", "entropy"} <= set(config.setup.train):
        raise IdseError("set-up: parts of the codec are not trained: give weights with codec.init")


def _data(given: Mapping[str, Any], folder: Path) -> DataSettings:
    own = set(keys_of(DataSettings)) - {"dataset"}
    dataset = read_dataset_table(given, folder, "data", also=own)
    mine = {key: value for key, value in given.items() if key in own}
    return check_table(mine, DataSettings, "data", made={"dataset": dataset})


def _model(codec: Mapping[str, Any], folder: Path) -> ModelSettings:
    mask = codec.get("mask")
    if isinstance(mask, dict):
        mask = check_table(_located(mask, "detector", folder), MaskSettings, "codec.mask")
    elif mask is not None:
        raise IdseError("codec.mask: must be a table, written as [codec.mask]")
    return check_table(
        codec, ModelSettings, "codec", also=("mask", *keys_of(_StartTable)), made={"mask": mask}
    )


def _task(task: Mapping[str, Any], folder: Path) -> TaskSettings:
    given = _located(task, "model", folder)
    if isinstance(given.get("weights"), str):
        given["weights"] = folder / given["weights"]
    return check_table(given, TaskSettings, "task")


def _located(given: Mapping[str, Any], key: str, folder: Path) -> dict[str, Any]:
    """The table with the detector of a key as a path, if it is a file: this is relative to the configuration."""
    values = dict(given)
    if isinstance(name := values.get(key), str) and name.lower().endswith(".onnx"):
        values[key] = str(folder / name)
    return values


def _schedule(given: Mapping[str, Any]) -> tuple[Schedule, int | None]:
    """The schedule, and the steps of an epoch."""
    own = keys_of(_ScheduleTable)
    common = check_table({k: v for k, v in given.items() if k in own}, _ScheduleTable, "schedule")
    if common.kind == "le":
        return check_table(given, LeSchedule, "schedule", also=own), common.epoch_steps
    phases = check_table(given, _PhasesTable, "schedule", also=own).phases
    return (
        PhaseSchedule(
            tuple(check_table(phase, Phase, f"schedule.phases[{i}]") for i, phase in enumerate(phases))
        ),
        common.epoch_steps,
    )
