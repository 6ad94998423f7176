"""What the jobs of a plan need: data set, frames, engines, detectors and maps. Each is loaded when first needed."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from idse.datasets import Dataset, open_dataset
from idse.detectors import Detector, DetectorSettings, Observation, load_by_name, load_detector
from idse.engines import Engine, engine_class
from idse.errors import IdseError
from idse.hashing import settings_hash
from idse.importance.maker import load_features
from idse.media.frame import Frame
from idse.media.scaling import coded_size, scaled
from idse.sweeps.maps import Maps
from idse.sweeps.plan import Plan
from idse.sweeps.task_models import task_settings

if TYPE_CHECKING:
    from idse.features.base import FeatureExtractor


_KEPT_BYTES = 256 << 20

_T = TypeVar("_T")


class Recent(Generic[_T]):
    """A function that keeps its last results: some of them, as long as they are small, and always the last one.

    Args:
        make: The function.
        size: Bytes of a result.
        most: How many results are kept.
        limit: How many bytes all kept results together may have, if there are several.
    """

    def __init__(
        self, make: Callable[..., _T], size: Callable[[_T], int], most: int, limit: int = _KEPT_BYTES
    ) -> None:
        self._make, self._size, self._most, self._limit = make, size, most, limit
        self._kept: OrderedDict[tuple[Any, ...], _T] = OrderedDict()

    def __call__(self, *arguments: Any) -> _T:
        """The function's result, made now or kept from before."""
        if arguments not in self._kept:
            self._kept[arguments] = self._make(*arguments)
        self._kept.move_to_end(arguments)
        while len(self._kept) > 1 and (
            len(self._kept) > self._most or sum(map(self._size, self._kept.values())) > self._limit
        ):
            self._kept.popitem(last=False)
        return self._kept[arguments]


def _frame_bytes(frames: list[Frame]) -> int:
    return sum(plane.nbytes for frame in frames for plane in frame.planes)


def _observation_bytes(observations: list[Observation]) -> int:
    return sum(level.nbytes for observation in observations for level in observation.features)


class Resources:
    """Loads what a plan names when it is first needed, and keeps it; of pictures only the last few are kept.

    Codecs, items and detectors are given by their positions in the plan and the data set.

    Args:
        plan: The plan of the jobs.

    Attributes:
        plan: As given.
        maps: Makes weight maps, and keeps the last ones.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.maps = Maps(self._load_extractor, self._load_map_detector)
        self._frames = Recent(self._read, _frame_bytes, 4)
        self._source = Recent(self._observe_source, _observation_bytes, 4)
        self._coded = Recent(self._scale, _frame_bytes, 8)
        self._engines = functools.cache(self._load_engine)
        self._detectors = functools.cache(self._load_detector)
        self._task_model = functools.lru_cache(maxsize=8)(self._load_task_model)

    @functools.cached_property
    def dataset(self) -> Dataset:
        """The plan's data set."""
        return open_dataset(self.plan.dataset)

    def engine(self, codec: int) -> Engine:
        """The engine of a codec."""
        return self._engines(codec)

    def detector(self, detector: int) -> Detector:
        """One of the plan's detectors."""
        return self._detectors(detector)

    def observer(self, codec: int, detector: int, qp: int) -> Detector:
        """The detector that sees a codec's pictures at a QP: the plan's own, or the one trained for this codec."""
        wanted = task_settings(self.plan.codecs[codec], self.plan.detectors[detector], qp)
        return self.detector(detector) if wanted is None else self._task_model(wanted, detector)

    def frames(self, item: int) -> list[Frame]:
        """The frames of an item."""
        return self._frames(item)

    def coded_frames(self, item: int, scale: int) -> list[Frame]:
        """The frames of an item at the size that they are coded at."""
        return self._coded(item, scale)

    def source_observations(self, item: int, detector: int) -> list[Observation]:
        """What a detector finds in the uncompressed frames of an item."""
        return self._source(item, detector)

    def visible(self, item: int, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """What detectors see of a frame.

        An annotated picture with an odd side has a repeated row or column, which is left out.
        """
        truth = self.dataset.items[item].truth
        if truth is None or not truth.masks:
            return rgb
        height, width = truth.masks[0]["size"]
        return rgb[:height, :width]

    def _read(self, item: int) -> list[Frame]:
        return self.dataset.items[item].read()

    def _scale(self, item: int, scale: int) -> list[Frame]:
        return [scaled(f, *coded_size(f.width, f.height, scale)) for f in self.frames(item)]

    def _observe_source(self, item: int, detector: int) -> list[Observation]:
        frames = self.frames(item)
        return self.detector(detector).observe([self.visible(item, f.to_rgb(as_float=True)) for f in frames])

    def _load_engine(self, codec: int) -> Engine:
        wanted = self.plan.codecs[codec]
        return engine_class(wanted.engine).from_options(wanted.options)

    def _load_detector(self, detector: int) -> Detector:
        return load_detector(self.plan.detectors[detector])

    def _load_task_model(self, wanted: DetectorSettings, detector: int) -> Detector:
        found, replaced = load_detector(wanted), self.detector(detector)
        if found.classes != replaced.classes:
            raise IdseError(
                f"the task model {wanted.weights or wanted.model} has other classes than {replaced.name}"
            )
        return found

    def _load_extractor(
        self, name: str, weights: Path | None, device: str, nodes: tuple[str, ...]
    ) -> FeatureExtractor:
        model, file = self._model(name, weights)
        return load_features(model, file, device, nodes)

    def _load_map_detector(self, name: str, weights: Path | None, device: str) -> Detector:
        settings = self.plan.detector(name)
        if settings is not None:
            return self.detector(self.plan.detectors.index(settings))
        model, file = self._model(name, weights)
        return load_by_name(model, file, device)

    def _model(self, name: str, weights: Path | None) -> tuple[str, Path | None]:
        """Model and weights for a name: a detector of the plan, a file beside the plan, or a model that idse knows."""
        settings = self.plan.detector(name)
        if settings is not None:
            return settings.model, settings.weights
        return (str(self.plan.folder / name) if name.lower().endswith(".onnx") else name), weights


def detector_hash(detector: Detector) -> str:
    """The hash that identifies a detector in the store."""
    return settings_hash(detector.identity, 16)
