"""The training loop: epochs of steps, regular checkpoints, and resuming from them.

Crops, flips and noise are seeded by (seed, epoch, step, process). So a training that was killed and resumed from a
checkpoint ends with the same weights as one that was not interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from idse.errors import IdseError
from idse.learned.models import LatentCodec, Salience, build_codec, load_salience
from idse.learned.tasks import Task, load_task
from idse.learned.training.checkpoint import RunFolder, load_checkpoint
from idse.learned.training.config import TrainingConfig
from idse.learned.training.data import Batch, Sample, TrainingData, prefetch
from idse.learned.training.distributed import World, accumulating
from idse.learned.training.objective import Objective
from idse.learned.training.schedule import LossWeights
from idse.learned.training.tracking import Tracker
from idse.learned.training.validation import DetectorEvaluator, validate
from idse.learned.training.wavelet_start import wavelet_start

_LEAST_SCALE = 2.0**-14
"""Smallest loss scale in mixed precision. The scale begins at 2**16: 30 steps in a row had infinite gradients."""


@dataclass
class Networks:
    """The networks of a training, including those that it does not change."""

    codec: LatentCodec
    task: Task | None
    salience: Salience | None


def build_networks(config: TrainingConfig, device: torch.device, *, init: bool = True) -> Networks:
    """Build the networks of a configuration on a device; only the parts that its set-up trains are not frozen.

    Args:
        config: The configuration.
        device: The device.
        init: Load the configuration's initial weights. Not needed when a checkpoint is loaded afterwards.

    Raises:
        IdseError: A file that the configuration names is missing or does not fit.
    """
    model, salience = config.model, None
    if model.mask is not None:
        salience = load_salience(model.mask, device)
    torch.manual_seed(config.seed)
    codec = build_codec(model, None if salience is None else salience.channels())
    if init and config.init is not None:
        load_initial(codec, config.init, config.init_point)
    elif init and config.start_gain is not None:
        wavelet_start(codec, config.start_gain)
    task = None if config.task is None else load_task(config.task, device)
    codec.to(device)
    config.setup.apply(codec, task)
    return Networks(codec, task, salience)


def load_initial(codec: LatentCodec, path: Path, point: int) -> None:
    """Load the weights of a codec file's point or of a checkpoint. If the file has no mask, the mask stays as it is.

    Raises:
        IdseError: No such file or point, or weights of another network.
    """
    if path.suffix == ".pt":
        weights: dict[str, Tensor] = load_checkpoint(path)["codec"]
    else:
        from idse.learned.coding.codec_file import TrainedCodec

        trained = TrainedCodec.load(path)
        if not 0 <= point < len(trained.points):
            raise IdseError(f"{path}: has points 0..{len(trained.points) - 1}, not {point}")
        weights = dict(trained.points[point].state)
    now = codec.state_dict()
    mask = {k: v for k, v in now.items() if k.startswith("mask.")}
    try:
        codec.load_state_dict(
            mask | {k: v for k, v in weights.items() if not k.startswith("mask.") or k in mask}
        )
    except RuntimeError as error:
        line = str(error).strip().splitlines()[-1].strip()
        raise IdseError(f"{path}: its weights do not fit the network of [codec]: {line}") from None


class Training:
    """The training of one configuration in its run's folder.

    Args:
        config: What to train.
        run: Folder of checkpoints and logs; training resumes from the last checkpoint in it.
        world: This process and the others that train together.

    Raises:
        IdseError: Something that the configuration names is missing or does not fit.
    """

    def __init__(self, config: TrainingConfig, run: RunFolder, world: World) -> None:
        self.config, self.run, self.world = config, run, world
        start = run.latest()
        self.networks = build_networks(config, world.device, init=start is None)
        codec, task = self.networks.codec, self.networks.task
        classes = None if task is None or not task.needs_targets else task.labels_of
        self.data = TrainingData(
            config.data.dataset,
            crop=config.data.crop,
            batch=config.data.batch,
            seed=config.seed,
            held_out=config.data.validation,
            labels_of=classes,
            masks=task is not None and task.needs_masks,
            flip=config.data.flip,
        )
        self.steps = config.epoch_steps or self.data.steps(world.size * config.optimizer.accumulate)
        groups = [
            {"params": parameters, "part": part} for part, parameters in config.setup.parameters(codec, task)
        ]
        self.optimizer = torch.optim.Adam(groups, lr=config.optimizer.lr)
        half = config.optimizer.amp
        self._autocast = (
            (torch.float16 if self.world.device.type == "cuda" else torch.bfloat16) if half else None
        )
        self._scaler = torch.amp.GradScaler(
            self.world.device.type, enabled=half and self.world.device.type == "cuda"
        )
        self._kept_evaluator: DetectorEvaluator | None = None
        self.epoch = 0
        if start is not None:
            self._restore(run.load(start), run.checkpoint(start))
        self.objective = world.wrap(Objective(codec, task, self.networks.salience))

    def fit(self, tracker: Tracker) -> None:
        """Train to the end of the schedule."""
        config, size = self.config, self.world.size
        count = config.optimizer.accumulate
        places = (
            (e, p) for e in range(self.epoch, config.schedule.epochs) for p in range(self.steps * count)
        )
        batches = prefetch(lambda at: self.data.batch(*at, self.world.rank, self.world.size), places)
        for epoch in range(self.epoch, config.schedule.epochs):
            self._begin_phase(epoch)
            weights = config.schedule.weights(epoch)
            self._set_rates(weights)
            for step in range(self.steps):
                losses = self._step(epoch, step, weights, batches)
                tracker.step(epoch * self.steps + step + 1, **losses)
            self.epoch = epoch + 1
            record: dict[str, Any] = {
                "epoch": self.epoch,
                "weights": {"rate": weights.rate, "mse": weights.mse, "task": weights.task},
                "lr": self.optimizer.param_groups[0]["lr"],
                "train": self.world.mean(tracker.means()),
                "pictures": self.steps * config.optimizer.accumulate * config.data.batch * size,
            }
            last = self.epoch == config.schedule.epochs
            if self.epoch % config.selection.every == 0 or last:
                self._keep(record)
            elif self.world.main:
                self.run.log(record)
            told = {f"w_{k}": v for k, v in record["weights"].items()} | {"lr": record["lr"]}
            tracker.epoch(self.epoch * self.steps, record.get("validation", {}), told)

    def _begin_phase(self, epoch: int) -> None:
        """Load another point's weights or scale the latents, if the schedule says so.

        The optimizer's moments no longer fit the weights then, so they are reset.
        """
        point, init = self.config.schedule.init_point(epoch), self.config.init
        if point is not None:
            assert init is not None
            load_initial(self.networks.codec, init, point)
            self.optimizer.state.clear()
        gain = self.config.schedule.gain(epoch)
        if gain != 1:
            self.networks.codec.scale_latents(gain)
            self.optimizer.state.clear()

    def _step(
        self, epoch: int, step: int, weights: LossWeights, batches: Iterator[Batch]
    ) -> dict[str, float]:
        """Make one step of the optimizer, and return the parts of its loss.

        With float16 it is normal that scaled gradients overflow at times; the step is then skipped and the scale is
        halved. A loss that is not finite before it is scaled is an error.

        Raises:
            IdseError: The loss is not finite, or the gradients are not finite even at the smallest scale.
        """
        count = self.config.optimizer.accumulate
        found = dict.fromkeys(("loss", "rate", "mse", "task"), 0.0)
        self.optimizer.zero_grad(set_to_none=True)
        for part in range(count):
            place = step * count + part
            batch = next(batches).to(self.world.device)
            _seed(self.config.seed, epoch, place, self.world.rank)
            with accumulating(self.objective, part == count - 1):
                losses = self.objective(batch.pictures, batch.targets, weights, self._autocast)
                self._scaler.scale(losses["loss"] / count).backward()
            for name in found:
                found[name] += float(losses[name].detach()) / count
        if not np.isfinite(found["loss"]):
            raise self._diverged("the loss is", epoch, step)
        if self.config.optimizer.clip:
            self._scaler.unscale_(self.optimizer)
            trained = [p for group in self.optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(trained, self.config.optimizer.clip)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        if self._scaler.is_enabled() and self._scaler.get_scale() < _LEAST_SCALE:
            raise self._diverged("the gradients are", epoch, step)
        return found

    def _diverged(self, what: str, epoch: int, step: int) -> IdseError:
        return IdseError(
            f"{self.config.name}: {what} no longer finite at epoch {epoch}, step {step}: "
            "lower the learning rate, and resume from an earlier checkpoint"
        )

    def _set_rates(self, weights: LossWeights) -> None:
        optimizer = self.config.optimizer
        lr = weights.lr or optimizer.lr
        task = lr * ((optimizer.task_lr or optimizer.lr) / optimizer.lr)
        for group in self.optimizer.param_groups:
            group["lr"] = task if group["part"] == "task" else lr

    def _keep(self, record: dict[str, Any]) -> None:
        """Validate, log, and write a checkpoint in rank 0; the other processes wait."""
        networks = self.networks
        if self.world.main:
            samples = self.data.validation()
            figures = validate(
                networks.codec, networks.task, networks.salience, samples, self._evaluator(samples)
            )
            record["validation"] = figures.known()
            self.run.log(record)
            self.run.save(self.epoch, self._state())
        self.world.barrier()

    def _evaluator(self, samples: Sequence[Sample]) -> DetectorEvaluator | None:
        """The detector that measures AP or mAP; None if checkpoints are selected by another metric."""
        config, metric = self.config, self.config.selection.metric
        if metric not in ("ap", "map") or config.task is None:
            return None
        if self._kept_evaluator is None:
            classes = self.data.dataset.classes
            device = str(self.world.device)
            self._kept_evaluator = DetectorEvaluator(config.task, samples, classes, metric == "map", device)
        return self._kept_evaluator

    def _state(self) -> dict[str, Any]:
        task = self.networks.task
        return {
            "epoch": self.epoch,
            "config": self.config.digest,
            "model": self.config.model.to_dict(),
            "codec": self.networks.codec.state_dict(),
            "task": None if task is None or "task" not in self.config.setup.train else task.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def _restore(self, state: dict[str, Any], path: Path) -> None:
        if state.get("config") != self.config.digest:
            raise IdseError(
                f"{path}: a checkpoint of another configuration: choose another folder (-o), "
                "or start from its weights (codec.init)"
            )
        self.networks.codec.load_state_dict(state["codec"])
        if state["task"] is not None and self.networks.task is not None:
            self.networks.task.load_state_dict(state["task"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self.epoch = int(state["epoch"])


def _seed(*numbers: int) -> None:
    """Seed torch's random number generator."""
    torch.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1)[0]))
