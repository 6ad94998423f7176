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

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idse.datasets import DatasetSettings
from idse.datasets.table import read_dataset_table
from idse.errors import IdseError
from idse.hashing import settings_hash
from idse.learned.models.settings import MaskSettings, ModelSettings
from idse.learned.tasks.base import TaskSettings
from idse.learned.training.schedule import LeSchedule, Phase, PhaseSchedule, Schedule
from idse.learned.training.setup import Setup
from idse.toml_file import only_known, read_toml_file, toml_table, whole_seed

_TOP = ("name", "seed", "data", "codec", "task", "setup", "optimizer", "schedule", "selection")
METRICS = ("task_loss", "psnr", "ap", "map")


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
    crop: int = 256
    batch: int = 8
    validation: int = 8
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

    lr: float = 1e-4
    task_lr: float | None = None
    accumulate: int = 1
    amp: bool = False
    clip: float = 1.0


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

    metric: str = "task_loss"
    points: int = 5
    every: int = 1
    first: int = 0


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
    only_known(table, _TOP, "the configuration")
    seed = whole_seed(table)
    codec, task = dict(_table(table, "codec")), dict(_table(table, "task", needed=False))
    init, init_point = codec.pop("init", None), codec.pop("init_point", 0)
    start_gain = codec.pop("start_gain", None)
    schedule = dict(_table(table, "schedule"))
    steps = schedule.pop("epoch_steps", None)
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise IdseError(f"schedule: epoch_steps {steps}: must be a whole number, at least 1")
    config = TrainingConfig(
        name=str(table.get("name", name)),
        seed=seed,
        data=_data(dict(_table(table, "data")), folder),
        model=_model(codec, folder),
        init=None if init is None else folder / init,
        init_point=init_point,
        start_gain=start_gain,
        task=_task(task, folder) if task else None,
        setup=_setup(_table(table, "setup", needed=False)),
        optimizer=_fields(OptimizerSettings, _table(table, "optimizer", needed=False), "optimizer"),
        epoch_steps=steps,
        schedule=_schedule(schedule),
        selection=_fields(SelectionSettings, _table(table, "selection", needed=False), "selection"),
        text=text,
        folder=folder,
    )
    _check(config)
    return config


def _check(config: TrainingConfig) -> None:
    data, optimizer, selection = config.data, config.optimizer, config.selection
    for what, value, least in (
        ("data: crop", data.crop, 0),
        ("data: batch", data.batch, 1),
        ("data: validation", data.validation, 1),
        ("optimizer: accumulate", optimizer.accumulate, 1),
        ("selection: points", selection.points, 1),
        ("selection: every", selection.every, 1),
        ("selection: first", selection.first, 0),
        ("codec: init_point", config.init_point, 0),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise IdseError(f"{what} {value}: must be a whole number, at least {least}")
    if not isinstance(data.flip, bool):
        raise IdseError(f"data: flip {data.flip}: must be true or false")
    for what, rate in (("lr", optimizer.lr), ("task_lr", optimizer.task_lr)):
        if rate is not None and not 0 < rate < float("inf"):
            raise IdseError(f"optimizer: {what} {rate}: must be above 0")
    if not 0 <= optimizer.clip < float("inf"):
        raise IdseError(f"optimizer: clip {optimizer.clip}: must be 0 or more")
    if selection.metric not in METRICS:
        raise IdseError(f"selection: metric '{selection.metric}': must be one of {', '.join(METRICS)}")
    asks = max(config.schedule.weights(e).task for e in range(config.schedule.epochs)) > 0
    if config.task is None:
        if asks or "task" in config.setup.train:
            raise IdseError("the schedule or the set-up asks for a task: give a [task]")
        if selection.metric != "psnr":
            raise IdseError(f"selection: metric '{selection.metric}' needs a [task]; without one it is psnr")
    if "mask" in config.setup.train and config.model.mask is None:
        raise IdseError("set-up: the mask is to be trained: give a [codec.mask]")
    if config.start_gain is not None:
        if config.init is not None:
            raise IdseError("codec: init and start_gain: give one of them")
        if not isinstance(config.start_gain, (int, float)) or not 0 < config.start_gain < float("inf"):
            raise IdseError(f"codec: start_gain {config.start_gain}: must be above 0")
    points = [config.schedule.init_point(epoch) for epoch in range(config.schedule.epochs)]
    if config.init is None and any(point is not None for point in points):
        raise IdseError("schedule: init_point needs the file of a codec: give codec.init")
    gains = [config.schedule.gain(epoch) for epoch in range(config.schedule.epochs)]
    if any(gain != 1 for gain in gains) and not {"encoder", "decoder", "entropy"} <= set(config.setup.train):
        raise IdseError("schedule: gain changes encoder and decoder: train both, or leave it out")
    if config.init is None and not {"encoder", "decoder", "entropy"} <= set(config.setup.train):
        raise IdseError("set-up: parts of the codec are not trained: give weights with codec.init")


def _data(given: dict[str, Any], folder: Path) -> DataSettings:
    own = {f.name for f in dataclasses.fields(DataSettings)} - {"dataset"}
    mine = {k: given.pop(k) for k in list(given) if k in own}
    return DataSettings(dataset=read_dataset_table(given, folder), **mine)


def _model(codec: dict[str, Any], folder: Path) -> ModelSettings:
    mask = codec.pop("mask", None)
    known = {f.name for f in dataclasses.fields(ModelSettings)} - {"mask"}
    only_known(codec, (*sorted(known), "init", "init_point", "start_gain", "mask"), "codec")
    if "system" not in codec:
        raise IdseError("codec: needs a system")
    if mask is not None:
        mask = _fields(MaskSettings, _located(mask, "detector", folder), "codec.mask")
    return ModelSettings(**codec, mask=mask)


def _task(task: dict[str, Any], folder: Path) -> TaskSettings:
    given = _located(task, "model", folder)
    if "weights" in given:
        given["weights"] = folder / given["weights"]
    settings: TaskSettings = _fields(TaskSettings, given, "task")
    return settings


def _located(given: Mapping[str, Any], key: str, folder: Path) -> dict[str, Any]:
    """A detector is a file relative to the configuration, or a name."""
    values = dict(given)
    if not isinstance(values.get(key), str):
        raise IdseError(f"{key} of the detector is missing: an ONNX file, or torchvision's name")
    if values[key].lower().endswith(".onnx"):
        values[key] = str(folder / values[key])
    return values


def _setup(given: Mapping[str, Any]) -> Setup:
    only_known(given, ("name", "decoder_fixed", "train", "rounding", "gains"), "setup")
    fixed, gains = given.get("decoder_fixed", False), given.get("gains", False)
    for key, value in (("decoder_fixed", fixed), ("gains", gains)):
        if not isinstance(value, bool):
            raise IdseError(f"setup: {key} {value}: must be true or false")
    rounding = str(given.get("rounding", "noise"))
    return Setup.of(str(given.get("name", "baseline")), fixed, given.get("train"), rounding, gains)


def _schedule(given: dict[str, Any]) -> Schedule:
    kind = given.pop("kind", "phases")
    if kind == "le":
        only_known(given, ("p", "epochs"), "schedule of kind le")
        if isinstance(given.get("p"), list):
            given["p"] = tuple(given["p"])
        return LeSchedule(**given)
    if kind != "phases":
        raise IdseError(f"schedule: kind '{kind}': must be phases or le")
    only_known(given, ("phases",), "schedule")
    phases = given.get("phases", [])
    if not isinstance(phases, list) or not all(isinstance(p, dict) for p in phases):
        raise IdseError("write the phases as [[schedule.phases]]")
    return PhaseSchedule(tuple(_fields(Phase, p, "a phase") for p in phases))


def _fields(kind: Any, given: Mapping[str, Any], what: str) -> Any:
    only_known(given, tuple(f.name for f in dataclasses.fields(kind)), what)
    try:
        return kind(**given)
    except TypeError as error:
        raise IdseError(f"{what}: {error}") from None


def _table(table: Mapping[str, Any], name: str, *, needed: bool = True) -> Mapping[str, Any]:
    found = table.get(name, None if needed else {})
    if not isinstance(found, dict):
        raise IdseError(f"the configuration needs a [{name}]")
    return found
