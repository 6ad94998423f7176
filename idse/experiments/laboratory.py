"""Coding a picture and looking at the result with the detectors: the work behind every cell of the tables."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from idse.detectors import Detector, Observation
from idse.engines.base import EncodeSettings, Engine
from idse.errors import IdseError
from idse.experiments.hashing import settings_hash
from idse.experiments.measurement import Measurement
from idse.experiments.pictures import CONVERSION, load_photograph
from idse.experiments.plan import Configuration
from idse.media.frame import Frame, decoded_rgb
from idse.metrics.features import feature_error
from idse.metrics.psnr import plane_sse

if TYPE_CHECKING:
    from idse.features.base import FeatureExtractor
    from idse.importance.weight_map import WeightMap

MEASURING = "2: float RGB from 10-bit samples; reference = RGB of the 8-bit YUV source; all levels' elements"
"""Changes with whatever here changes figures: a part of the settings hash."""

_MAPS_KEPT = 4


def build_hash() -> str:
    """The compiled encoder's hash: results of an older build are not this one's. Empty without one."""
    file = getattr(sys.modules.get("idse._native"), "__file__", None)
    return "" if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12]


def _map_settings(configuration: Configuration) -> tuple[object, ...]:
    """What of a configuration decides its map: configurations that agree in it share theirs."""
    return (
        configuration.importance,
        configuration.proj_dim,
        configuration.tiles,
        configuration.blend_activity,
    )


class Laboratory:
    """An engine, the detectors that measure, and the extractors that make maps.

    Features of the uncompressed picture are those of the 8-bit YUV source converted back to RGB, so that no
    error of the conversion to YUV is counted.

    Args:
        engine: What codes.
        detectors: What measures, by whom figures are named.
        load_extractor: From the name in a configuration to the extractor.
        base: Settings of all configurations (preset, tools, threads).
        seed: Of the maps.
        engine_of: The engine of a configuration, where it decides more than settings; else `engine` for all.
        identity: What decides a configuration's bytes beside its engine's name and version; by default the native
            build's hash.
        settings_that_count: Fields of the settings that the engine looks at; by default all.
        clock: CPU seconds so far of what codes; by default this process's.
        map_folder: Where maps are kept for other processes and runs; by default nowhere.
    """

    def __init__(
        self,
        engine: Engine,
        detectors: list[Detector],
        load_extractor: Callable[[str], FeatureExtractor],
        base: EncodeSettings,
        seed: int = 0,
        *,
        engine_of: Callable[[Configuration], Engine] | None = None,
        identity: Callable[[Configuration], object] | None = None,
        settings_that_count: Collection[str] | None = None,
        clock: Callable[[], float] = time.process_time,
        map_folder: Path | None = None,
    ) -> None:
        self.engine = engine
        self.detectors = detectors
        self.base = base
        self.seed = seed
        build = build_hash()
        self._engine_of = engine_of or (lambda configuration: engine)
        self._identity = identity or (lambda configuration: build)
        self._that_count = settings_that_count
        self._clock = clock
        self._map_folder = map_folder
        self._probes: dict[tuple[object, ...], str] = {}
        self._extractor = functools.cache(load_extractor)
        self._source = functools.lru_cache(maxsize=2)(self._observe_source)
        self._maps: OrderedDict[tuple[object, ...], WeightMap] = OrderedDict()

    def provenance(self, configuration: Configuration) -> dict[str, Any]:
        """Everything that decides the figures of a configuration, but the picture and the QP."""
        engine = self._engine_of(configuration)
        settings = dataclasses.asdict(configuration.settings(0, self.base)) | {"threads": 0}
        if self._that_count is not None:
            settings = {name: settings[name] for name in self._that_count}
        return {
            "configuration": configuration.described(),
            "settings": settings,
            "engine": [engine.name, engine.version, self._identity(configuration)],
            **self._map_provenance(configuration),
            "detectors": {d.name: d.identity["weights_sha256"] for d in self.detectors},
            "seed": self.seed,
            "conversion": CONVERSION,
            "measuring": MEASURING,
        }

    def key(self, configuration: Configuration) -> str:
        """The hash of `provenance`."""
        return settings_hash(self.provenance(configuration))

    def source_detections(self, picture: Path) -> Measurement:
        """The uncompressed picture's detections, as a measurement of a configuration that changes nothing."""
        frame, observations = self._source(picture)
        return Measurement(
            size=sum(p.nbytes for p in frame.planes),
            sse=[0] * len(frame.planes),
            samples=[p.size for p in frame.planes],
            features={},
            detections={d.name: o.detections for d, o in zip(self.detectors, observations, strict=True)},
        )

    def measure(
        self, picture: Path, configuration: Configuration, qps: list[int]
    ) -> Iterator[tuple[int, Measurement]]:
        """Code a picture at each QP and measure; yields as results come."""
        frame, reference = self._source(picture)
        began = time.process_time()
        weights = self.weights(picture, frame, configuration)
        map_cpu = time.process_time() - began
        engine = self._engine_of(configuration)
        for qp in qps:
            began = self._clock()
            stream = engine.encode([frame], weights, configuration.settings(qp, self.base))
            encode_cpu = self._clock() - began
            recon = stream.recon[0]
            rgb = decoded_rgb(recon, frame.bit_depth, as_float=True)
            seen = [d.observe([rgb])[0] for d in self.detectors]
            stats = stream.frames[0]
            measured = Measurement(
                size=len(stream.data),
                sse=[
                    plane_sse(a, frame.bit_depth, b, recon.bit_depth)
                    for a, b in zip(frame.planes, recon.planes, strict=True)
                ],
                samples=[p.size for p in frame.planes],
                features={
                    d.name: feature_error(a.features, b.features)
                    for d, a, b in zip(self.detectors, reference, seen, strict=True)
                },
                detections={d.name: o.detections for d, o in zip(self.detectors, seen, strict=True)},
                encode_cpu=encode_cpu,
                map_cpu=map_cpu,
                chroma_qp=[stats.cb_qp_offset, stats.cr_qp_offset],
                weighted_share=stream.provenance.get("weighted_share"),
            )
            yield qp, measured
            map_cpu = 0.0

    def weights(self, picture: Path, frame: Frame, configuration: Configuration) -> WeightMap | None:
        """The configuration's map of a picture; the last few are kept, as configurations share them."""
        if configuration.importance == "none":
            return None
        identity = (picture, *_map_settings(configuration))
        if identity not in self._maps:
            self._maps[identity] = self._kept(picture, frame, configuration)
            if len(self._maps) > _MAPS_KEPT:
                self._maps.popitem(last=False)
        weights = self._maps[identity]
        if not configuration.chroma_planes:
            weights = dataclasses.replace(weights, planes=np.ascontiguousarray(weights.planes[:, :1]))
        return weights

    def _map_provenance(self, configuration: Configuration) -> dict[str, Any]:
        return {
            "extractors": [self._extractor(name).description for name in configuration.extractors],
            "map": self._probe(configuration),
        }

    def _kept(self, picture: Path, frame: Frame, configuration: Configuration) -> WeightMap:
        """The map from the folder, made and put there where it is missing."""
        if self._map_folder is None:
            return self._estimate(frame, configuration)
        from idse.importance.weight_map import WeightMap

        what = self._map_provenance(configuration) | {
            "samples": hashlib.sha256(b"".join(p.tobytes() for p in frame.planes)).hexdigest(),
            "frame": [frame.width, frame.height, frame.bit_depth, frame.matrix, frame.full_range],
            "settings": _map_settings(configuration),
            "seed": self.seed,
        }
        file = self._map_folder / f"{picture.stem}-{settings_hash(what)}.idsew"
        try:
            return WeightMap.load(file)
        except IdseError:
            weights = self._estimate(frame, configuration)
        self._map_folder.mkdir(parents=True, exist_ok=True)
        # Whole under another name first: a run killed here, or beside this one, must not leave half a map.
        partial = file.with_suffix(f".{os.getpid()}")
        weights.save(partial)
        partial.replace(file)
        return weights

    def _estimate(self, frame: Frame, configuration: Configuration) -> WeightMap:
        from idse.importance import api
        from idse.importance.combine import combine

        if not configuration.extractors:
            return api.activity_map([frame])
        maps = [
            api.estimate_map(
                [frame],
                extractor=self._extractor(name),
                proj_dim=configuration.proj_dim,
                seed=self.seed,
                tiles=configuration.tiles,
            )
            for name in configuration.extractors
        ]
        if len(maps) == 1 and configuration.blend_activity == 0:
            return maps[0]
        activity = api.activity_map([frame]) if configuration.blend_activity > 0 else None
        return combine(maps, activity=activity, blend_activity=configuration.blend_activity)

    def _probe(self, configuration: Configuration) -> str:
        """A hash of the map of a made-up picture: changes with the estimator, and not with its comments."""
        if configuration.importance == "none":
            return ""
        settings = _map_settings(configuration)
        if settings not in self._probes:
            self._probes[settings] = self._probe_anew(configuration)
        return self._probes[settings]

    def _probe_anew(self, configuration: Configuration) -> str:
        y, x = np.mgrid[0:48, 0:64]
        rgb = np.stack([128 + 90 * np.sin(x / (3 + k)) * np.cos(y / 5 + k) for k in range(3)], axis=2)
        weights = self._estimate(Frame.from_rgb(rgb.astype(np.uint8)), configuration)
        rounded = [np.round(np.log2(weights.planes.astype(np.float64) + 1e-30), 2)]
        if weights.tiles is not None:
            rounded.append(np.round(weights.tiles.astype(np.float64) / np.abs(weights.tiles).max(), 2))
        return hashlib.sha256(b"".join((r + 0.0).tobytes() for r in rounded)).hexdigest()[:12]

    def _observe_source(self, picture: Path) -> tuple[Frame, list[Observation]]:
        frame = load_photograph(picture)
        rgb = frame.to_rgb(as_float=True)
        return frame, [d.observe([rgb])[0] for d in self.detectors]
