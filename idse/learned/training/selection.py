"""Selection of the checkpoints that form the codec: the Pareto front of rate and quality over the epochs (Le 2020)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import compressai
import torch

from idse import __version__
from idse.errors import IdseError
from idse.learned.coding.codec_file import CodecPoint, TrainedCodec, make_point
from idse.learned.models import ModelSettings, build_codec, load_salience
from idse.learned.tasks import load_task
from idse.learned.training.checkpoint import RunFolder
from idse.learned.training.config import TrainingConfig
from idse.metrics.pareto import pareto_front

_LOWER_IS_BETTER = ("task_loss",)


def pareto_points(
    log: Sequence[Mapping[str, Any]],
    metric: str,
    count: int,
    first: int = 0,
    kept: Sequence[int] | None = None,
) -> list[int]:
    """Epochs on the Pareto front of validation bpp and a metric, at most `count`, with the highest rate first.

    Args:
        log: `RunFolder.read_log`.
        metric: "task_loss", "psnr", "ap" or "map".
        count: If the front has more points, those that are spaced most evenly in the logarithm of the rate are kept.
        first: Earlier epochs are not used.
        kept: Epochs that have a checkpoint; None: all.

    Raises:
        IdseError: No epoch has these metrics.
    """
    rows = [
        (int(entry["epoch"]), entry["validation"])
        for entry in log
        if "validation" in entry and entry["epoch"] >= first and (kept is None or entry["epoch"] in kept)
    ]
    if not rows:
        raise IdseError(
            "no epoch to choose from: none from selection.first on has validation metrics and a checkpoint yet"
        )
    if not any(metric in figures for _, figures in rows):
        known = ", ".join(name for name in rows[-1][1] if name not in ("bpp", "mse"))
        raise IdseError(f"selection: metric '{metric}' was not measured in training: choose one of {known}")
    sign = -1 if metric in _LOWER_IS_BETTER else 1
    rates = [float(figures["bpp"]) for _, figures in rows]
    front = pareto_front(rates, [sign * float(figures.get(metric, math.nan)) for _, figures in rows])
    chosen = _evenly([rates[i] for i in front], count)
    return [rows[front[i]][0] for i in reversed(chosen)]


def build_codec_file(run: RunFolder, config: TrainingConfig, epochs: Sequence[int]) -> TrainedCodec:
    """Make `codec.idsec` from checkpoints, and write the detector that was trained for each of them.

    Args:
        run: The run with the checkpoints.
        config: The configuration of the training.
        epochs: Epochs of the checkpoints, with the highest rate first.

    Raises:
        IdseError: A checkpoint is damaged, the mask's or the task's detector is missing, or a file cannot be written.
    """
    figures = {int(entry["epoch"]): entry.get("validation", {}) for entry in run.read_log()}
    settings, detector = _with_detector(config.model)
    points: list[CodecPoint] = []
    tasks: list[dict[str, Any]] = []
    for epoch in epochs:
        state = run.load(epoch)
        layer = state["codec"].get("mask.layer.weight")
        model = build_codec(settings, None if layer is None else layer.shape[1])
        model.load_state_dict(state["codec"])
        model.tables_fixed = "entropy" not in config.setup.train
        points.append(make_point(model, f"epoch {epoch}", epoch, figures.get(epoch, {})))
        if state["task"] is not None:
            tasks.append(state["task"])
    codec = TrainedCodec(config.name, settings, points, _provenance(config), detector)
    if [point.epoch for point in codec.points] != list(epochs):
        raise ValueError(f"epochs {list(epochs)} are not by falling rate")
    for old in run.path.glob("task-[0-9]*"):
        old.unlink()
    if tasks:
        _save_tasks(run, config, tasks)
    codec.save(run.codec)
    return codec


def _evenly(rates: Sequence[float], count: int) -> list[int]:
    """Indices of at most `count` of ascending rates, including both ends; if `count` is 1, the middle one."""
    if len(rates) <= count:
        return list(range(len(rates)))
    logs = [math.log(max(rate, 1e-9)) for rate in rates]
    span = logs[-1] - logs[0]
    shares = [0.5] if count == 1 else [i / (count - 1) for i in range(count)]
    # The ends come first, so that no inner target takes them.
    shares.sort(key=lambda share: -abs(share - 0.5))
    left = list(range(len(rates)))
    for share in shares:
        left.remove(min(left, key=lambda i: abs(logs[i] - logs[0] - share * span)))
    return sorted(set(range(len(rates))) - set(left))


def _with_detector(settings: ModelSettings) -> tuple[ModelSettings, bytes]:
    """The settings with the level and the digest of the mask's detector, and the bytes of its file."""
    if settings.mask is None:
        return settings, b""
    salience = load_salience(settings.mask, "cpu")
    salience.channels()  # this chooses the level
    settings = dataclasses.replace(settings, mask=salience.settled())
    path = Path(settings.mask.detector if settings.mask else "")
    return settings, path.read_bytes() if path.suffix.lower() == ".onnx" else b""


def _save_tasks(run: RunFolder, config: TrainingConfig, states: Sequence[Mapping[str, Any]]) -> None:
    assert config.task is not None
    task = load_task(config.task, torch.device("cpu"))
    for i, state in enumerate(states):
        task.load_state_dict(state)
        task.save(run.task(i, task.suffix))


def _provenance(config: TrainingConfig) -> dict[str, Any]:
    return {
        "idse": __version__,
        "torch": torch.__version__,
        "compressai": compressai.__version__,
        "config": config.text,
        "config_digest": config.digest,
        "train": list(config.setup.train),
    }
