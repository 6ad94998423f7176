"""Pictures for training: crops of a data set. Each crop depends only on the seed, the epoch and its place in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idse.datasets import Dataset, DatasetSettings, Item, open_dataset
from idse.datasets.masks import mask_library
from idse.errors import IdseError
from idse.learned.tasks.base import Target
from idse.media.io import read_frames
from idse.metrics.detection import Truth

_K = TypeVar("_K")
_V = TypeVar("_V")

Picture = NDArray[np.uint8]
LabelsOf = Callable[[Sequence[str]], Sequence[int]]
"""From a data set's class names to a model's labels; `Task.labels_of`."""

_CACHE_BYTES = 2 << 30
_MIN_SIDE, _MIN_SHARE = 1.0, 0.1  # an object of which a crop keeps less than this is dropped


@dataclass(frozen=True)
class Batch:
    """The input of one training step.

    Attributes:
        pictures: `[N, 3, H, W]` float32 RGB, 0..1.
        targets: One per picture; None if no targets were requested.
        names: Names of the items.
    """

    pictures: Tensor
    targets: list[Target] | None
    names: tuple[str, ...]

    def to(self, device: torch.device) -> Batch:
        """This batch on a device."""
        targets = self.targets and [{k: v.to(device) for k, v in t.items()} for t in self.targets]
        return Batch(self.pictures.to(device), targets, self.names)


@dataclass(frozen=True, eq=False)
class Sample:
    """One whole picture.

    Attributes:
        name: Name of its item.
        picture: `[H, W, 3]` RGB.
        truth: The data set's annotations; None if it has none.
        target: The annotations as a model's target; None if no targets were requested.
    """

    name: str
    picture: Picture
    truth: Truth | None
    target: Target | None


class TrainingData:
    """A data set's pictures in random order, cropped and flipped at random.

    There is no state: `batch` gives the same result for the same arguments, so a training that is resumed sees the same
    pictures as one that was never stopped.

    Attributes:
        dataset: The data set, including the pictures that are held out.
        count: Number of pictures to train with; every frame of a sequence counts as one.
    """

    def __init__(
        self,
        settings: DatasetSettings,
        *,
        crop: int,
        batch: int,
        seed: int = 0,
        held_out: int = 0,
        labels_of: LabelsOf | None = None,
        masks: bool = False,
        flip: bool = True,
        cache_bytes: int = _CACHE_BYTES,
    ) -> None:
        """Open a data set.

        Args:
            settings: Which data set.
            crop: Side of the square crops, in samples; smaller pictures are padded with their last samples.
                0: whole pictures. These must all have one size, or `batch` must be 1.
            batch: Pictures per step and process.
            seed: Seed of order, crops and flips.
            held_out: Number of pictures (the last by name) that are used by `validation` only.
            labels_of: Gives the model's labels of the data set's classes; None: no targets are made.
            masks: Whether targets include masks.
            flip: Whether half of the pictures are mirrored.
            cache_bytes: Limit of the memory for decoded pictures.

        Raises:
            IdseError: See `open_dataset`; no picture is left to train with; or targets are requested, and there are no
                annotations.
        """
        self.dataset: Dataset = open_dataset(settings)
        self._crop, self._size, self._seed = crop, batch, seed
        for name, value, least in (("crop", crop, 0), ("batch", batch, 1), ("validation", held_out, 0)):
            if value < least:
                raise IdseError(f"[data] {name} is {value}: it must be at least {least}")
        pictures = [(item, frame) for item in self.dataset.items for frame in range(item.frame_count)]
        self.count = len(pictures) - held_out
        if self.count < 1:
            raise IdseError(
                f"{self.dataset.name} has {len(pictures)} pictures, and validation takes {held_out}: none is left to "
                "train with: reduce validation, or use a larger data set"
            )
        self._pictures = pictures
        self._labels = self._label_table(labels_of) if labels_of else None
        self._masks, self._flip = masks, flip
        if masks and self._labels is not None and not self.dataset.has_masks:
            raise IdseError(
                f"{self.dataset.name} has no masks, but this model needs them for training: use a data set with masks"
            )
        self._last_order: tuple[tuple[int, int], NDArray[np.int64]] | None = None
        self._cache: dict[int, Picture] = {}
        self._room = cache_bytes

    def steps(self, world: int = 1) -> int:
        """The number of steps in which `world` processes together see every picture at least once."""
        return -(-self.count // (self._size * world))

    def batch(self, epoch: int, step: int, rank: int = 0, world: int = 1) -> Batch:
        """The pictures of one step of one process.

        All processes together go through the data set. The order is random and differs in each pass; an epoch starts a
        new pass. A picture's crop and flip depend on its place in the epoch, so `world` processes with a batch of B see
        the same pictures as one process with a batch of `world` x B.

        Raises:
            IdseError: A picture is damaged, or whole pictures of one batch differ in size.
        """
        first = (step * world + rank) * self._size
        samples = [self._sample(epoch, place) for place in range(first, first + self._size)]
        shapes = {picture.shape for _, picture, _ in samples}
        if len(shapes) > 1:
            sizes = " and ".join(f"{shape[1]}x{shape[0]}" for shape in sorted(shapes)[:2])
            raise IdseError(
                f"{self.dataset.name}: whole pictures of {sizes} do not fit into one batch: set crop, or batch = 1"
            )
        stacked = np.stack([picture for _, picture, _ in samples])
        return Batch(
            _to_tensor(stacked),
            None if self._labels is None else [target for _, _, target in samples if target is not None],
            tuple(name for name, _, _ in samples),
        )

    def validation(self) -> list[Sample]:
        """The held-out pictures, not cropped.

        Raises:
            IdseError: A picture is damaged.
        """
        found = []
        for index in range(self.count, len(self._pictures)):
            item, _ = self._pictures[index]
            picture = self._picture(index)
            height, width = picture.shape[:2]
            whole = Window(0, 0, width, height, False)
            found.append(Sample(item.name, picture, item.truth, self._target(item, whole, (height, width))))
        return found

    def _sample(self, epoch: int, place: int) -> tuple[str, Picture, Target | None]:
        turn, position = divmod(place, self.count)
        index = int(self._order(epoch, turn)[position])
        item, _ = self._pictures[index]
        picture = self._picture(index)
        height, width = picture.shape[:2]
        rng = np.random.default_rng([self._seed, epoch, place, 1])
        window = draw_window(rng, width, height, self._crop, self._flip)
        side = (self._crop, self._crop) if self._crop else (height, width)
        return item.name, window.cut(picture, side), self._target(item, window, side)

    def _order(self, epoch: int, turn: int) -> NDArray[np.int64]:
        """Order of the pictures in one pass of an epoch. The last order is cached, because every sample needs it."""
        if self._last_order is None or self._last_order[0] != (epoch, turn):
            rng = np.random.default_rng([self._seed, epoch, turn, 0])
            self._last_order = (epoch, turn), rng.permutation(self.count)
        return self._last_order[1]

    def _picture(self, index: int) -> Picture:
        if index in self._cache:
            return self._cache[index]
        picture = _read(*self._pictures[index])
        if (
            picture.nbytes <= self._room
        ):  # the order is random, so replacing a cached picture by another one gains nothing
            self._cache[index] = picture
            self._room -= picture.nbytes
        return picture

    def _target(self, item: Item, window: Window, size: tuple[int, int]) -> Target | None:
        if self._labels is None:
            return None
        truth = item.truth
        assert truth is not None
        return window.target(truth, self._labels, size, self._masks)

    def _label_table(self, labels_of: LabelsOf) -> NDArray[np.int64]:
        if not self.dataset.classes or any(item.load_truth is None for item, _ in self._pictures):
            raise IdseError(
                f"{self.dataset.name} has no annotations, but loss 'training' needs them: use kind coco or cityscapes"
            )
        return np.array(labels_of(self.dataset.classes), dtype=np.int64)


@dataclass(frozen=True)
class Window:
    """A part of a picture, and whether it is mirrored: left, top, width and height in the picture's samples."""

    left: int
    top: int
    width: int
    height: int
    flipped: bool

    def cut(self, picture: NDArray[np.uint8], size: tuple[int, int]) -> Picture:
        """Cut the part out of `[H, W, ...]`, and pad it at the right and at the bottom to `size` (rows, columns)."""
        part = picture[self.top : self.top + self.height, self.left : self.left + self.width]
        if self.flipped:
            part = part[:, ::-1]
        rows, columns = size
        more = [(0, rows - self.height), (0, columns - self.width)] + [(0, 0)] * (picture.ndim - 2)
        return np.pad(part, more, mode="edge") if rows > self.height or columns > self.width else part.copy()

    def boxes(self, boxes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Clip `[n, 4]` boxes to the part, in the part's samples; also whether enough of each box remains."""
        limit = np.array([self.width, self.height] * 2, dtype=np.float64)
        moved = boxes - np.array([self.left, self.top] * 2, dtype=np.float64)
        clipped = np.clip(moved, 0, limit)
        sides, whole = clipped[:, 2:] - clipped[:, :2], boxes[:, 2:] - boxes[:, :2]
        left = (sides >= _MIN_SIDE).all(axis=1) & (sides.prod(axis=1) >= _MIN_SHARE * whole.prod(axis=1))
        if self.flipped:
            clipped = clipped[:, [2, 1, 0, 3]]
            clipped[:, ::2] = self.width - clipped[:, ::2]
        return clipped, left

    def target(self, truth: Truth, labels: NDArray[np.int64], size: tuple[int, int], masks: bool) -> Target:
        """The objects of a truth that lie in the part, without crowds. `labels`: the model's label of each class."""
        boxes, left = self.boxes(truth.boxes)
        kept = np.flatnonzero(left & ~truth.crowd)
        target = {
            "boxes": torch.from_numpy(boxes[kept].astype(np.float32)),
            "labels": torch.from_numpy(labels[truth.labels[kept]]),
        }
        if masks:
            assert truth.masks is not None
            decode = mask_library().decode
            shapes = [_zero_padded(self, decode(truth.masks[i]), size) for i in kept]
            target["masks"] = torch.from_numpy(
                np.stack(shapes) if shapes else np.zeros((0, *size), dtype=np.uint8)
            )
        return target


def draw_window(rng: np.random.Generator, width: int, height: int, crop: int, flip: bool) -> Window:
    """A random square of side `crop` (at most the picture; 0: the whole picture); `flip` mirrors it half the time."""
    columns, rows = (min(crop, width), min(crop, height)) if crop else (width, height)
    left, top = (int(rng.integers(0, room + 1)) for room in (width - columns, height - rows))
    return Window(left, top, columns, rows, flip and bool(rng.integers(2)))


def prefetch(load: Callable[[_K], _V], keys: Iterable[_K]) -> Iterator[_V]:
    """Give `load(key)` for each key, in order; a thread loads the next value while the caller uses the current one.

    An exception of `load` is raised when its value is asked for.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="idse-prefetch") as pool:
        waiting = None
        for key in keys:
            following = pool.submit(load, key)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()


def _zero_padded(window: Window, mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A mask's part, padded with zeros: the picture's padding shows no object."""
    part = window.cut(mask, (window.height, window.width))
    return np.pad(part, [(0, full - side) for full, side in zip(size, part.shape, strict=True)])


def _read(item: Item, frame: int) -> Picture:
    if item.frame_count == 1:
        return item.read()[0].to_rgb()
    # Not `item.read()`: a sequence may be larger than the memory.
    first = item.options.frames[0] + frame
    return read_frames(item.path, replace(item.options, frames=(first, first + 1)))[0].to_rgb()


def _to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """`[N, H, W, 3]` uint8 as `[N, 3, H, W]` float32 in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float().div_(255.0)
