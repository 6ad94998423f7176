#!/usr/bin/env python3
"""Train the weights of the embedded extractor from the importance maps of detectors.

    python scripts/train_embedded.py --data DIR --detectors A.onnx B.onnx -o embedded_weights.npz

There are three steps. (1) Teacher maps: for every picture and for some random views of it (crop, scale, flip,
exposure), the sensitivity of each detector's features and detections to the coded planes is computed on 8x8 blocks and
averaged over the detectors. The maps are kept in a cache folder, so that a second run starts with step 2. (2) The
network learns the logarithms of the maps of features, of detections, and of both (their sum). The loss is the error of
a codec that distributes a fixed rate by the predicted map, in the high-rate model (error of a block proportional to
1/weight): log mean(teacher / student) + mean log(student). The moving average of the weights is the result. (3) On
held-out pictures the agreement of the map is measured, together with that of the control without a network. A
checkpoint is written after every epoch; `--resume` continues from it and gives the same weights.

The file also holds the teachers' mean frequency profiles over the training pictures. `--profiles-only` computes these
alone, for the weights that OUTPUT has.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import platform
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from idse.devtools.agreement import figures
from idse.devtools.teacher_profiles import teacher_profiles
from idse.devtools.teachers import (
    TARGETS,
    TeacherCache,
    TeacherSettings,
    combined_target,
    file_hash,
)
from idse.errors import IdseError
from idse.features import embedded, embedded_file
from idse.importance.estimate import activity_map
from idse.media.frame import Frame
from idse.progress import Progress

BLOCK = embedded.BLOCK
SAMPLES = torch.tensor([64.0, 16.0, 16.0]).view(3, 1, 1)
"""Relative numbers of samples of Y, Cb and Cr in a block of 4:2:0."""

SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass
class Sample:
    """One view of one picture.

    Attributes:
        picture: uint8 `[3, h, w]`, as the network sees it; h and w multiples of its stride.
        target: Logarithm of the teacher maps of all targets `[3 targets, h / 4, w / 4]`.
    """

    picture: torch.Tensor
    target: torch.Tensor


# --- training ---


def make_sample(pixels: np.ndarray, target: torch.Tensor) -> Sample:
    """Return the picture and the map as the network needs them: reduced, on the grid of its output."""
    height, width = pixels.shape[:2]
    rgb = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    small = embedded.working_picture(rgb)
    rows, cols = small.shape[-2] // embedded.STRIDE, small.shape[-1] // embedded.STRIDE
    cell = embedded.STRIDE * height / small.shape[-2], embedded.STRIDE * width / small.shape[-1]
    extent = float(target.shape[-2] * BLOCK), float(target.shape[-1] * BLOCK)
    log = embedded.resample(target.log()[None], (rows, cols), cell, extent)[0]
    picture = small[0, :, : rows * embedded.STRIDE, : cols * embedded.STRIDE]
    return Sample((picture * 255).round().clamp(0, 255).to(torch.uint8), log)


def draw_batch(
    samples: Sequence[Sample], indices: Sequence[int], crop: int, rng: random.Random
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random crops: pictures `[N, 3, crop, crop]` and targets, which are NaN outside the picture."""
    stride, pictures, targets = embedded.STRIDE, [], []
    for index in indices:
        picture, target = samples[index].picture, samples[index].target
        rows, cols = target.shape[-2:]
        side = crop // stride
        top, left = rng.randint(0, max(0, rows - side)), rng.randint(0, max(0, cols - side))
        target = target[:, top : top + side, left : left + side]
        x = picture[:, top * stride :, left * stride :][:, :crop, :crop].float() / 255
        x = F.pad(x[None], (0, crop - x.shape[2], 0, crop - x.shape[1]), mode="replicate")[0]
        target = F.pad(target, (0, side - target.shape[2], 0, side - target.shape[1]), value=math.nan)
        if rng.random() < 0.5:
            x, target = x.flip(2), target.flip(2)
        pictures.append(x * rng.uniform(0.9, 1.1) + rng.uniform(-0.05, 0.05))
        targets.append(target)
    return torch.stack(pictures), torch.stack(targets)


def loss_of(predicted: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the losses of a batch: excess error at equal rate (log), and squared error of the logarithms.

    They are means over targets. They do not depend on the scale of a picture's map; Y, Cb and Cr count by their numbers
    of samples.
    """
    predicted, target = predicted.unflatten(1, (-1, 3)).flatten(0, 1), target.unflatten(1, (-1, 3)).flatten(0, 1)
    mask = torch.isfinite(target) * SAMPLES
    share = mask / mask.sum((1, 2, 3), keepdim=True).clamp(min=1)
    difference = torch.nan_to_num(target) - predicted
    difference = difference - (share * difference).sum((1, 2, 3), keepdim=True)
    excess = (share * difference.clamp(max=5).exp()).sum((1, 2, 3)).log().mean()
    squared = (share * difference.square()).sum((1, 2, 3)).mean()
    return excess, squared


@dataclass
class TrainSettings:
    """The settings that decide the result of the training."""

    epochs: int
    batch: int
    crop: int
    lr: float
    weight_decay: float
    seed: int
    channels: tuple[int, ...]
    width: int


def teacher_targets(parts: dict[str, torch.Tensor], settings: TeacherSettings) -> torch.Tensor:
    """Return the teacher maps of all targets, `[3 targets, rows, cols]`."""
    return torch.cat([combined_target(parts, settings, target) for target in embedded.TARGETS])


class Trainer:
    """The network, its moving average and the optimiser; a checkpoint holds them all."""

    def __init__(self, samples: Sequence[Sample], settings: TrainSettings, key: str) -> None:
        """Start from random weights.

        Args:
            samples: Samples of the training.
            settings: Settings of the training.
            key: Hash of the training data; a checkpoint of other data is refused.
        """
        torch.manual_seed(settings.seed)
        self.samples, self.settings, self.key = samples, settings, key
        self.net = embedded.SensitivityNet(settings.channels, settings.width)
        self.average = {k: v.clone() for k, v in self.net.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), settings.lr, weight_decay=settings.weight_decay
        )
        self.epoch = 0
        self.step = 0

    def run_epoch(self) -> tuple[float, float]:
        """Train for one pass over all samples, and return the means of both losses."""
        s = self.settings
        rng = random.Random(f"{s.seed}/{self.epoch}")
        order = list(range(len(self.samples)))
        rng.shuffle(order)
        batches = [order[i : i + s.batch] for i in range(0, len(order), s.batch)]
        total, sums = s.epochs * len(batches), np.zeros(2)
        for indices in batches:
            rate = (
                s.lr * min(1.0, (self.step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * self.step / total))
            )
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            x, target = draw_batch(self.samples, indices, s.crop, rng)
            excess, squared = loss_of(self.net(x), target)
            self.optimiser.zero_grad()
            (excess + 0.25 * squared).backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            self.optimiser.step()
            self.step += 1
            keep = min(0.995, self.step / (self.step + 10))
            for name, value in self.net.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
            sums += (float(excess.detach()), float(squared.detach()))
        self.epoch += 1
        return float(sums[0] / len(batches)), float(sums[1] / len(batches))

    def averaged(self) -> embedded.SensitivityNet:
        """Return the network with the moving average of its weights."""
        net = embedded.SensitivityNet(self.settings.channels, self.settings.width)
        net.load_state_dict(self.average)
        return net.eval()

    def save(self, path: Path) -> None:
        """Write the checkpoint."""
        state = {
            "key": self.key,
            "settings": repr(self.settings),
            "epoch": self.epoch,
            "step": self.step,
            "net": self.net.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        partial = path.with_name(path.name + ".part")
        torch.save(state, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint.

        Raises:
            IdseError: The checkpoint cannot be read, or belongs to other data or settings.
        """
        try:
            state = torch.load(path, weights_only=True)
            fits = state["key"] == self.key and state["settings"] == repr(self.settings)
        except FileNotFoundError:
            raise IdseError(f"{path}: no checkpoint to resume from; leave out --resume") from None
        except Exception:
            raise IdseError(f"{path}: not a checkpoint of this script") from None
        if not fits:
            raise IdseError(f"{path}: the checkpoint is of other pictures or settings; leave out --resume")
        self.net.load_state_dict(state["net"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.step = state["epoch"], state["step"]


# --- figures ---


def clean_maps(parts: dict[str, torch.Tensor], target: str) -> np.ndarray:
    """Return the detectors' luma maps of a target at the uncompressed picture, `[detectors, rows, cols]`."""
    if target == "both":
        return sum(clean_maps(parts, single) for single in TARGETS)  # type: ignore[return-value]
    return parts[f"{target}_clean"][:, 0].numpy()


def evaluate(
    net: embedded.SensitivityNet,
    held: Sequence[tuple[np.ndarray, dict[str, torch.Tensor]]],
    contrast: float = 1.0,
    masking: float = 0.0,
) -> dict[str, dict[str, dict[str, float]]]:
    """Return figures on held-out pictures, by target.

    They are given for the network alone, the extractor (with contrast and masking), the control without a network, and
    the average of the teachers.
    """
    plain = embedded.EmbeddedExtractor(net, torch.device("cpu"), {})
    whole = embedded.EmbeddedExtractor(net, torch.device("cpu"), {}, contrast, masking)
    found = {}
    for target in net.targets:
        maps: dict[str, list[np.ndarray]] = {"network": [], "embedded": [], "activity": [], "teachers": []}
        teachers = [clean_maps(parts, target) for _, parts in held]
        for (pixels, _), each in zip(held, teachers, strict=True):
            rgb = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
            maps["network"].append(plain.log_gains(rgb, target)[0, 0].exp().numpy())
            maps["embedded"].append(whole.log_gains(rgb, target)[0, 0].exp().numpy())
            maps["activity"].append(activity_map([Frame.from_rgb(pixels)]).planes[0, 0])
            maps["teachers"].append(each.mean(0))
        found[target] = {name: figures(own, teachers) for name, own in maps.items()}
    return found


# --- command line ---


def list_pictures(folder: Path) -> list[Path]:
    """Return the folder's pictures, sorted by name.

    Raises:
        IdseError: There is no such folder, or it has no pictures.
    """
    if not folder.is_dir():
        raise IdseError(f"--data {folder}: no such folder")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise IdseError(f"--data {folder}: no pictures in it ({', '.join(SUFFIXES)})")
    return paths


def split(paths: Sequence[Path], held_out: int) -> tuple[list[Path], list[Path]]:
    """Split the list into training pictures and `held_out` pictures that are evenly spread over it."""
    if not 0 <= held_out < len(paths):
        raise IdseError(
            f"--hold-out {held_out}: must leave at least one of the {len(paths)} pictures to train on"
        )
    chosen = {round((i + 0.5) * len(paths) / held_out - 0.5) for i in range(held_out)}
    return [p for i, p in enumerate(paths) if i not in chosen], [
        p for i, p in enumerate(paths) if i in chosen
    ]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    p.add_argument("--data", type=Path, required=True, help="folder of pictures")
    p.add_argument("--detectors", type=Path, nargs="+", required=True, help="ONNX detectors")
    p.add_argument("-o", "--output", type=Path, required=True, help="weights file to write")
    p.add_argument("--cache", type=Path, help="folder of teacher maps (default: OUTPUT.teachers)")
    p.add_argument("--views", type=int, default=3, help="views of each training picture, the first unchanged")
    p.add_argument("--rows", type=int, default=4, help="rows of the teachers' sketches")
    p.add_argument("--qualities", type=int, nargs="*", default=[15, 35, 60], help="JPEG qualities")
    p.add_argument(
        "--parts", type=float, nargs=3, default=[1.0, 1.0, 1.0], help="weights of clean, coded, share"
    )
    p.add_argument("--epochs", type=int, default=18)
    p.add_argument("--batch", type=int, default=4)
    p.add_argument("--crop", type=int, default=256, help="side of the crops, a multiple of 32")
    p.add_argument("--lr", type=float, default=3e-3)
    p.add_argument("--weight-decay", type=float, default=0.02)
    p.add_argument("--channels", type=int, nargs=5, default=[16, 32, 64, 96, 128])
    p.add_argument("--width", type=int, default=32)
    p.add_argument("--hold-out", type=int, default=30, help="pictures kept back to measure on")
    p.add_argument("--limit", type=int, help="use only the first pictures of the folder")
    p.add_argument("--contrast", type=float, default=1.3, help="exponent of the predicted gains at use")
    p.add_argument("--masking", type=float, default=0.75, help="exponent of the masking by texture at use")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--resume", action="store_true", help="go on from OUTPUT.checkpoint")
    p.add_argument("--profiles-only", action="store_true", help="keep the weights of OUTPUT, renew its profiles")
    p.add_argument("--stop-after", type=int, help="stop after this epoch (resume later)")
    return p


def check(args: argparse.Namespace) -> None:
    """Refuse arguments that are out of their range.

    Raises:
        IdseError: An argument is out of its range.
    """
    for name, low in (("views", 1), ("rows", 1), ("epochs", 1), ("batch", 1), ("width", 1), ("threads", 1)):
        if getattr(args, name) < low:
            raise IdseError(f"--{name} {getattr(args, name)}: must be {low} or more")
    if args.crop < 32 or args.crop % 32:
        raise IdseError(f"--crop {args.crop}: must be a multiple of 32")
    if not (args.lr > 0 and args.weight_decay >= 0):
        raise IdseError("--lr must be above 0, --weight-decay at least 0")
    if not 0 < args.contrast < 10:
        raise IdseError(f"--contrast {args.contrast}: must be above 0 and below 10")
    if not 0 <= args.masking < 10:
        raise IdseError(f"--masking {args.masking}: must be at least 0 and below 10")
    if any(not 1 <= q <= 95 for q in args.qualities):
        raise IdseError("--qualities: must be 1..95")
    if min(args.parts) < 0 or sum(args.parts) <= 0 or (not args.qualities and args.parts[0] == 0):
        raise IdseError("--parts: must be 0 or more, and not all 0")
    if not args.output.parent.is_dir():
        raise IdseError(f"--output {args.output}: no such folder")


def renew_profiles(args: argparse.Namespace) -> dict[str, Any]:
    """Replace the profiles of an existing weights file; the network's weights stay as they are, bit for bit.

    Returns:
        The metadata of the weights file.

    Raises:
        IdseError: An argument is wrong, or a file cannot be read.
    """
    check(args)
    torch.set_num_threads(args.threads)
    read = embedded_file.read_weights(args.output)
    if read.targets != embedded.TARGETS:
        raise IdseError(f"{args.output}: weights of {', '.join(read.targets)} only; train them again")
    learn, _ = split(list_pictures(args.data)[: args.limit], args.hold_out)
    profiles, how = teacher_profiles(learn, args.detectors, args.rows, args.seed)
    meta = dict(read.header.get("training", {})) | {"profiles": how}
    changed = {
        "format": embedded_file.FORMAT,
        "profiles": embedded_file.profiles_for_header(profiles),
        "training": meta,
    }
    embedded_file.write_weights(args.output, read.header | changed, read.arrays)
    print(f"wrote {args.output} ({args.output.stat().st_size} bytes), its network as before")
    return meta


def train(args: argparse.Namespace) -> dict[str, Any]:
    """Run all steps, and return the metadata of the weights file.

    Raises:
        IdseError: An argument is wrong, or a file cannot be read.
    """
    check(args)
    torch.set_num_threads(args.threads)
    paths = list_pictures(args.data)[: args.limit]
    learn, held_paths = split(paths, args.hold_out)
    teaching = TeacherSettings(args.rows, tuple(args.qualities), tuple(args.parts))
    folder = args.cache or args.output.with_name(args.output.name + ".teachers")
    cache = TeacherCache(folder, args.detectors, teaching, args.seed)

    data = hashlib.sha256()
    for path in paths:
        data.update(f"{path.name} {file_hash(path)}\n".encode())
    wanted = [(p, v) for v in range(args.views) for p in learn]
    say = Progress("teacher maps", len(wanted) + len(held_paths))
    samples = []
    for done, (path, view) in enumerate(wanted, 1):
        pixels, parts = cache.get(path, view)
        samples.append(make_sample(pixels, teacher_targets(parts, teaching)))
        say(done)
    held = []
    for done, path in enumerate(held_paths, len(wanted) + 1):
        held.append(cache.get(path, 0))
        say(done)

    settings = TrainSettings(
        args.epochs,
        args.batch,
        args.crop,
        args.lr,
        args.weight_decay,
        args.seed,
        tuple(args.channels),
        args.width,
    )
    what = [data.hexdigest(), cache.hashes, repr(teaching), args.views, args.hold_out]
    trainer = Trainer(samples, settings, hashlib.sha256(json.dumps(what).encode()).hexdigest())
    checkpoint = args.output.with_name(args.output.name + ".checkpoint")
    if args.resume:
        trainer.resume(checkpoint)
    last = min(args.epochs, args.stop_after or args.epochs)
    say = Progress("epochs", last)
    while trainer.epoch < last:
        excess, squared = trainer.run_epoch()
        trainer.save(checkpoint)
        say(trainer.epoch, f", loss {excess:.4f}, log error {squared:.4f}")

    net = trainer.averaged()
    profiles, how = teacher_profiles(learn, args.detectors, args.rows, args.seed)
    measured = evaluate(net, held, args.contrast, args.masking) if held else {}
    meta = {
        "pictures": len(paths),
        "pictures_sha256": data.hexdigest(),
        "held_out": [p.name for p in held_paths],
        "detectors_sha256": cache.hashes,
        "teacher": {"rows": args.rows, "qualities": args.qualities, "parts": args.parts, "views": args.views},
        "epochs": trainer.epoch,
        "steps": trainer.step,
        "batch": args.batch,
        "crop": args.crop,
        "lr": args.lr,
        "weight_decay": args.weight_decay,
        "seed": args.seed,
        "versions": {
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "held_out_figures": measured,
        "profiles": how,
    }
    embedded.save_weights(args.output, net, meta, args.contrast, args.masking, profiles)
    for target, rows in measured.items():
        for name, values in rows.items():
            print(f"{target:10} {name:10}", "  ".join(f"{k} {v:.3f}" for k, v in values.items()))
    print(f"wrote {args.output} ({args.output.stat().st_size} bytes) after {trainer.epoch} epochs")
    return meta


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; a user's error gives a one-line message and exit status 2."""
    try:
        args = parser().parse_args(argv)
        renew_profiles(args) if args.profiles_only else train(args)
    except IdseError as error:
        print(f"train_embedded: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
