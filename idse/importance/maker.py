"""`MapMaker` makes the weight map of frames as `ImportanceSettings` describe it.

Importing this module does not import torch; making a detector's map does.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from idse.errors import IdseError
from idse.importance.boxes import box_map
from idse.importance.combine import combine
from idse.importance.estimate import NothingToPreserve, Progress, activity_map, estimate_map
from idse.importance.profile import MeanProfile, at_size, lowpass, mixed
from idse.importance.settings import ImportanceSettings
from idse.importance.targets import target_parts
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame

if TYPE_CHECKING:
    from idse.features.base import FeatureExtractor

__all__ = ["BoxDetector", "ImportanceSettings", "MapMaker", "load_features"]


class FoundBoxes(Protocol):
    """What a detector finds in a picture; `idse.metrics.detection.Detections` is one."""

    @property
    def boxes(self) -> NDArray[np.floating[Any]]:
        """`[n, 4]` x0, y0, x1, y1 in luma samples."""
        ...

    @property
    def scores(self) -> NDArray[np.floating[Any]]:
        """`[n]`."""
        ...


class BoxDetector(Protocol):
    """A detector whose boxes make a map; those of `idse.detectors` are such detectors."""

    name: str
    """Its name, for the map's META."""

    identity: dict[str, Any]
    """Everything that affects its results, JSON-serialisable, for the map's META."""

    def detect(self, pictures: Sequence[NDArray[np.float32]]) -> Sequence[FoundBoxes]:
        """Find boxes in pictures `[H, W, 3]`, RGB in 0..1."""
        ...


LoadExtractor = Callable[[str, "Path | None", str, "tuple[str, ...]"], "FeatureExtractor"]
LoadDetector = Callable[[str, "Path | None", str], BoxDetector]


def load_features(
    name: str, weights: Path | None, device: str, nodes: tuple[str, ...] = ()
) -> FeatureExtractor:
    """Load an extractor of `idse.features`: what `MapMaker` does unless it is told otherwise.

    Raises:
        IdseError: torch is not installed, or there is no such detector, device or file of weights.
    """
    try:
        from idse.features.loading import load_extractor
    except ImportError as error:
        raise IdseError(
            f"a detector's map needs torch ({error}): pip install torch, or choose activity"
        ) from None
    return load_extractor(name, weights=weights, device=device, nodes=nodes or None)


class MapMaker:
    """Makes the maps of one `ImportanceSettings`; its networks are loaded once, when they are first needed.

    Args:
        settings: How the maps are made.
        load_extractor: Gives the feature extractor for a detector's name, weights, device and nodes.
        load_detector: Gives the detector for a name, weights and device; needed for the method "roi". The maker does
            not know `idse.detectors`: `idse.detectors.loading.load_by_name` fits here.

    Attributes:
        settings: As given.
        load_seconds: Wall time of loading the networks, including the import of torch; 0 before that.
        seconds: Wall time of the last map.

    Raises:
        IdseError: The file of weights does not exist, or that of the profile is none.
    """

    def __init__(
        self,
        settings: ImportanceSettings,
        *,
        load_extractor: LoadExtractor = load_features,
        load_detector: LoadDetector | None = None,
    ) -> None:
        if settings.weights is not None and not settings.weights.is_file():
            raise IdseError(
                f"{settings.weights}: no such file; --weights (in a plan: weights) names the detector's weights"
            )
        self.settings = settings
        self.load_seconds = 0.0
        self.seconds = 0.0
        self._load_extractor = load_extractor
        self._load_detector = load_detector
        self._extractors: list[FeatureExtractor] = []
        self._detector: BoxDetector | None = None
        self._profile, self._profile_meta = given_profile(settings)

    def load(self) -> None:
        """Load the networks that are not loaded yet.

        Raises:
            IdseError: No such detector, device or weights.
        """
        s = self.settings
        began = time.perf_counter()
        if s.method == "jacobian" and not self._extractors:
            self._extractors = [
                self._load_extractor(name, s.weights, s.device, s.nodes) for name in s.detectors
            ]
        elif s.method == "roi" and self._detector is None:
            if self._load_detector is None:
                raise IdseError("a map of boxes needs a detector: give MapMaker its load_detector")
            self._detector = self._load_detector(s.detectors[0], s.weights, s.device)
        else:
            return
        self.load_seconds = time.perf_counter() - began

    def __call__(
        self,
        frames: Sequence[Frame],
        progress: Progress | None = None,
        *,
        decoded: Sequence[Frame] | None = None,
    ) -> WeightMap | None:
        """Make the map of frames of one size; None for the method "none", unless the settings ask for a profile.

        Args:
            frames: Pictures of one size and chroma format.
            progress: Called with the share done, 0..1.
            decoded: The frames that a first encode gives, for settings with two passes. META names the QPs of
                `DecodedFrames`.

        Raises:
            IdseError: No such detector, device or weights, or the detector cannot make a map of these pictures.
        """
        self.seconds = 0.0
        if not self.settings.makes_map:
            return None
        self.load()
        began = time.perf_counter()
        weights = self._make(frames, progress, decoded if self.settings.takes_decoded else None)
        weights = self._with_profile(weights, 1 if frames[0].chroma_format == "400" else 3)
        if not self.settings.chroma_planes:
            profiles = None if weights.profiles is None else weights.profiles[:, :1]
            weights = dataclasses.replace(weights, planes=weights.planes[:, :1], profiles=profiles)
        self.seconds = time.perf_counter() - began
        return weights

    def _make(
        self, frames: Sequence[Frame], progress: Progress | None, decoded: Sequence[Frame] | None
    ) -> WeightMap:
        s = self.settings
        if s.method == "none":
            return uniform_map(frames, s.log2_unit)
        if s.method == "activity":
            return activity_map(frames, log2_unit=s.log2_unit)
        if self._detector is not None:
            found = self._detector.detect([frame.to_rgb(as_float=True) for frame in frames])
            boxes = [d.boxes[d.scores > s.roi_score] for d in found]
            made = box_map(frames, boxes, roi_qp=s.roi_qp, log2_unit=s.log2_unit)
            named = {"detector_name": self._detector.name, "detector": self._detector.identity}
            return dataclasses.replace(made, meta=made.meta | named | {"roi_score": s.roi_score})
        places: list[Sequence[Frame] | None] = [None] if decoded is None or s.at == "both" else []
        places += [] if decoded is None else [decoded]
        wanted = [
            (extractor, target, place)
            for extractor in self._extractors
            for target in target_parts(extractor, s.target)
            for place in places
        ]
        maps = []
        for number, (extractor, target, place) in enumerate(wanted):
            try:
                made = estimate_map(
                    frames,
                    extractor=extractor,
                    proj_dim=s.proj_dim,
                    sketch=s.sketch,
                    seed=s.seed,
                    rounds=s.rounds,
                    noise_sigma=s.noise_sigma,
                    log2_unit=s.log2_unit,
                    tiles=s.tiles,
                    level_norm=s.level_norm,
                    target=target,
                    metric=s.metric,
                    at=place,
                    profile=s.profile == "own",
                    progress=_part(progress, number, len(wanted)),
                )
            except NothingToPreserve:
                if s.target != "both":
                    raise
            else:
                maps.append(made)
        if len(maps) == 1 and s.blend_activity == 0:
            return maps[0]
        activity = activity_map(frames, log2_unit=s.log2_unit) if s.blend_activity > 0 else None
        return combine(maps, activity=activity, blend_activity=s.blend_activity)


    def _with_profile(self, weights: WeightMap, planes: int) -> WeightMap:
        """The map with the profile that the settings ask for; META says which, if there is one."""
        if self._profile is None:
            return weights
        profile, meta = self._profile, dict(weights.meta)
        if self._profile_meta["kind"] == "embedded":
            profile = at_size(profile, max(weights.width, weights.height))
        if self.settings.replaces_profile:
            profiles = np.repeat(profile[None, :planes], weights.frames, 0)
            meta["profile"] = self._profile_meta
        elif weights.profiles is not None:
            share = self.settings.profile_prior
            profiles = mixed(weights.profiles, profile, share)
            meta["profile"] = meta.get("profile", {}) | {"prior": share, "prior_from": self._profile_meta}
        else:
            return weights
        return dataclasses.replace(weights, profiles=profiles, meta=meta)


def given_profile(settings: ImportanceSettings) -> tuple[NDArray[np.float32] | None, dict[str, Any]]:
    """The profile `[1 or 3, 8, 8]` that replaces the method's own or is mixed into it, and what META says of it.

    Raises:
        IdseError: The settings name a file that is no profile.
    """
    kind = settings.profile
    if kind == "lowpass":
        return lowpass(), {"kind": kind}
    if kind == "embedded" or (kind == "own" and settings.profile_prior > 0):
        from idse.features.embedded_file import package_weights

        read = package_weights()
        meta = {"kind": "embedded", "target": settings.target, "sha256": read.sha256}
        return read.profiles[settings.target], meta
    if not settings.replaces_profile:
        return None, {}
    found = MeanProfile.load(kind)
    of = {"detector": found.detector, "target": found.target, "pictures": found.pictures}
    return found.tables, {"kind": "file", "sha256": found.sha256} | of


def uniform_map(frames: Sequence[Frame], log2_unit: int) -> WeightMap:
    """A map of ones, luma only: to carry a profile."""
    width, height, unit = frames[0].width, frames[0].height, 1 << log2_unit
    planes = np.ones((len(frames), 1, -(-height // unit), -(-width // unit)), np.float32)
    return WeightMap(width, height, log2_unit, planes, meta={"estimator": "uniform"})


def _part(progress: Progress | None, number: int, count: int) -> Progress | None:
    """The progress of one of `count` maps as that of all of them."""
    if progress is None or count == 1:
        return progress
    return lambda share: progress((number + share) / count)
