"""Makes the weight maps of a sweep, keeps the last ones, and identifies by a hash how they are made."""

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

from idse.engines import EncodeSettings, engine_class
from idse.engines.first_pass import band_qp, decoded_frames
from idse.hashing import settings_hash
from idse.importance.maker import ImportanceSettings, LoadExtractor, MapMaker
from idse.media.frame import Frame, probe_frame

if TYPE_CHECKING:
    from idse.detectors import Detector
    from idse.importance.weight_map import WeightMap

_KEPT = 12
_KEPT_FIRST_PASSES = 2


class Maps:
    """Keeps weight maps, and the map makers with their networks.

    Args:
        load_extractor: Gives the feature extractor for a detector's name, weights, device and nodes.
        load_detector: Gives the detector for a name, weights and device, for maps of boxes.
    """

    def __init__(
        self, load_extractor: LoadExtractor, load_detector: Callable[[str, Path | None, str], Detector]
    ) -> None:
        self._extractor: LoadExtractor = functools.cache(load_extractor)
        self._detector = functools.cache(load_detector)
        self._maps: OrderedDict[tuple[str, ImportanceSettings], WeightMap] = OrderedDict()
        self._decoded: OrderedDict[str, list[Frame]] = OrderedDict()
        self._maker = functools.cache(self._new_maker)
        self.identity = functools.cache(self._identity)

    def make(
        self, place: str, frames: Sequence[Frame], importance: ImportanceSettings, settings: EncodeSettings
    ) -> WeightMap | None:
        """The weight map of frames; None for the method "none".

        Args:
            place: As `place` gives it.
            frames: Frames of one size.
            importance: How the map is made.
            settings: Of the encode; they decide a first pass.
        """
        key = place, importance
        if key in self._maps:
            return self._maps[key]
        decoded = self._first_pass(place, frames, settings) if importance.takes_decoded else None
        weights = self._maker(importance)(frames, decoded=decoded)
        if weights is not None:
            self._maps[key] = weights
            if len(self._maps) > _KEPT:
                self._maps.popitem(last=False)
        return weights

    @staticmethod
    def place(digest: str, scale: int, importance: ImportanceSettings, settings: EncodeSettings) -> str:
        """What identifies the pictures that a map is made of: the item, the size, and a first pass if there is one."""
        where = f"{digest}-{scale}"
        if not importance.takes_decoded:
            return where
        offsets = settings.cb_qp_offset, settings.cr_qp_offset
        return f"{where}-qp{band_qp(settings.target.qp)}" + (f"c{offsets}" if any(offsets) else "")

    def _first_pass(self, place: str, frames: Sequence[Frame], settings: EncodeSettings) -> list[Frame]:
        if place not in self._decoded:
            self._decoded[place] = decoded_frames(frames, settings)
            if len(self._decoded) > _KEPT_FIRST_PASSES:
                self._decoded.popitem(last=False)
        return self._decoded[place]

    def load(self, importance: ImportanceSettings) -> None:
        """Load the networks now, so that the time of `make` is only that of making the map."""
        self._maker(importance).load()

    def is_kept(self, place: str, importance: ImportanceSettings) -> bool:
        """Whether the map is kept, so that `make` does not make it again."""
        return (place, importance) in self._maps

    def _new_maker(self, importance: ImportanceSettings) -> MapMaker:
        return MapMaker(importance, load_extractor=self._extractor, load_detector=self._detector)

    def _identity(self, importance: ImportanceSettings) -> str:
        """A hash of everything that decides maps: settings, networks, and the map (with chroma) of a probe frame.

        The map changes with the estimator's arithmetic, but not with its comments. It is rounded, so that differences
        in the last bits between processors do not count.
        """
        if importance.method == "none":
            return ""
        about: dict[str, Any] = importance.deciding()
        name, weights, device = importance.detector, importance.weights, importance.device
        if importance.method == "jacobian":
            about["extractors"] = [
                self._extractor(name, weights, device, importance.nodes).description
                for name in importance.detectors
            ]
        if importance.takes_decoded:
            about["first_pass"] = engine_class("native").from_options({}).identity
        if importance.method == "roi":
            about["detector"] = self._detector(name, weights, device).identity
        else:
            whole = self._maker(dataclasses.replace(importance, chroma_planes=True))
            probe = whole([probe_frame(64, 48)])
            assert probe is not None
            rounded = [np.round(np.log2(probe.planes.astype(np.float64) + 1e-30), 2)]
            if probe.tiles is not None:
                rounded.append(np.round(probe.tiles.astype(np.float64) / np.abs(probe.tiles).max(), 2))
            about["probe"] = hashlib.sha256(b"".join((r + 0.0).tobytes() for r in rounded)).hexdigest()
        return settings_hash(about)


def map_file(weights: WeightMap) -> bytes:
    """The bytes of the map's file, without tiles."""
    with tempfile.TemporaryDirectory(prefix="idse-map-") as folder:
        path = Path(folder) / "map.idsew"
        dataclasses.replace(weights, tiles=None).save(path)
        return path.read_bytes()
