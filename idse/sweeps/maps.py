"""The weight maps of a sweep: made as a codec's `Importance` says, the last few kept, and told apart by a hash."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from idse.hashing import settings_hash
from idse.importance.boxes import box_map
from idse.media.frame import Frame
from idse.sweeps.codec import Importance
from idse.sweeps.made_up import made_up_picture

if TYPE_CHECKING:
    from idse.detectors import Detector
    from idse.features.base import FeatureExtractor
    from idse.importance.weight_map import WeightMap

_KEPT = 12


class Maps:
    """Makes maps.

    Args:
        load_extractor: From an `Importance`'s detector, weights and device to the extractor.
        load_detector: The same to the detector, for maps of boxes.
    """

    def __init__(
        self,
        load_extractor: Callable[[str, str | None, str], FeatureExtractor],
        load_detector: Callable[[str, str | None, str], Detector],
    ) -> None:
        self._extractor = functools.cache(load_extractor)
        self._detector = functools.cache(load_detector)
        self._maps: OrderedDict[tuple[str, Importance], WeightMap] = OrderedDict()
        self.identity = functools.cache(self._identity)

    def make(self, digest: str, frames: Sequence[Frame], importance: Importance) -> WeightMap | None:
        """The map of frames, None for the method "none".

        Args:
            digest: Tells the frames apart.
            frames: Of one size.
            importance: How.
        """
        if importance.method == "none":
            return None
        key = digest, importance
        if key not in self._maps:
            self._maps[key] = self._estimate(frames, importance)
            if len(self._maps) > _KEPT:
                self._maps.popitem(last=False)
        weights = self._maps[key]
        if not importance.chroma_planes:
            weights = dataclasses.replace(weights, planes=np.ascontiguousarray(weights.planes[:, :1]))
        return weights

    def load(self, importance: Importance) -> None:
        """Load the networks, which is no part of making a map."""
        if importance.method == "jacobian":
            for name in importance.detectors:
                self._extractor(name, importance.weights, importance.device)
        elif importance.method == "roi":
            self._detector(importance.detector, importance.weights, importance.device)

    def is_kept(self, digest: str, importance: Importance) -> bool:
        """Whether `make` would only look it up."""
        return (digest, importance) in self._maps

    def _identity(self, importance: Importance) -> str:
        """A hash of all that decides maps: settings, networks, and what the estimator makes of a made-up picture.

        The last changes with the estimator's arithmetic and not with its comments; it is rounded, so that another
        processor's last bits do not count.
        """
        if importance.method == "none":
            return ""
        about: dict[str, Any] = importance.deciding()
        if importance.method == "jacobian":
            about["extractors"] = [
                self._extractor(name, importance.weights, importance.device).description
                for name in importance.detectors
            ]
        if importance.method == "roi":
            about["detector"] = self._detector(
                importance.detector, importance.weights, importance.device
            ).identity
        else:
            weights = self._estimate([made_up_picture(64, 48)], importance)
            rounded = [np.round(np.log2(weights.planes.astype(np.float64) + 1e-30), 2)]
            if weights.tiles is not None:
                rounded.append(np.round(weights.tiles.astype(np.float64) / np.abs(weights.tiles).max(), 2))
            about["probe"] = hashlib.sha256(b"".join((r + 0.0).tobytes() for r in rounded)).hexdigest()
        return settings_hash(about)

    def _estimate(self, frames: Sequence[Frame], importance: Importance) -> WeightMap:
        from idse.importance import api
        from idse.importance.combine import combine

        if importance.method == "activity":
            return api.activity_map(frames, log2_unit=importance.log2_unit)
        if importance.method == "roi":
            detector = self._detector(importance.detector, importance.weights, importance.device)
            found = detector.detect([frame.to_rgb(as_float=True) for frame in frames])
            return box_map(
                frames,
                [d.boxes[d.scores > importance.roi_score] for d in found],
                roi_qp=importance.roi_qp,
                log2_unit=importance.log2_unit,
            )
        maps = [
            api.estimate_map(
                frames,
                extractor=self._extractor(name, importance.weights, importance.device),
                proj_dim=importance.proj_dim,
                sketch=importance.sketch,
                seed=importance.seed,
                rounds=importance.rounds,
                noise_sigma=importance.noise_sigma,
                log2_unit=importance.log2_unit,
                tiles=importance.tiles,
            )
            for name in importance.detectors
        ]
        if len(maps) == 1 and importance.blend_activity == 0:
            return maps[0]
        activity = (
            api.activity_map(frames, log2_unit=importance.log2_unit)
            if importance.blend_activity > 0
            else None
        )
        return combine(maps, activity=activity, blend_activity=importance.blend_activity)


def map_file(weights: WeightMap) -> bytes:
    """The map as the bytes of its file, without tiles."""
    with tempfile.TemporaryDirectory(prefix="idse-map-") as folder:
        path = Path(folder) / "map.idsew"
        dataclasses.replace(weights, tiles=None).save(path)
        return path.read_bytes()
