"""The teachers' mean frequency profiles, which stand in for those of the embedded extractor."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from idse.devtools.teachers import TARGETS, file_hash, load_rgb, make_view
from idse.errors import IdseError
from idse.features.base import FeatureExtractor
from idse.features.embedded_file import TARGETS as PREDICTED
from idse.importance.combine import combine
from idse.importance.estimate import NothingToPreserve, estimate_map
from idse.importance.profile import ProfileSum
from idse.importance.weight_map import WeightMap
from idse.media.frame import Frame
from idse.progress import Progress


def picture_profiles(
    frame: Frame, detectors: Sequence[FeatureExtractor], rows: int, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Return the profiles `[1, 3, 8, 8]` of a picture by target, of the sum of all detectors' maps.

    A target is missing where no change of the picture moves any detector's detections.

    Args:
        frame: The picture.
        detectors: The teachers.
        rows: Rows of each sketch.
        seed: Decides the sketches.
    """
    maps: dict[str, list[WeightMap]] = {target: [] for target in TARGETS}
    for detector in detectors:
        for target in TARGETS:
            try:
                made = estimate_map([frame], extractor=detector, proj_dim=rows, seed=seed, target=target)
            except NothingToPreserve:
                continue
            maps[target].append(made)
    maps["both"] = [m for target in TARGETS for m in maps[target]] if all(maps.values()) else []
    found = {target: combine(those).profiles for target, those in maps.items() if those}
    return {target: profiles for target, profiles in found.items() if profiles is not None}


def teacher_profiles(
    paths: Sequence[Path], detectors: Sequence[Path], rows: int, seed: int
) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
    """Return the mean profiles `[3, 8, 8]` of pictures by target, and how they were made; progress is shown.

    Args:
        paths: The pictures.
        detectors: ONNX files of the teachers.
        rows: Rows of each sketch.
        seed: Decides the sketches.

    Raises:
        IdseError: A file cannot be read, or no change of any picture moves a detection.
    """
    from idse.features.loading import load_extractor

    loaded = [load_extractor(str(p), device="cpu") for p in detectors]
    say = Progress("profiles", len(paths))
    sums = {target: ProfileSum() for target in PREDICTED}
    for done, path in enumerate(paths, 1):
        frame = Frame.from_rgb(make_view(load_rgb(path), 0, ""))
        for target, profiles in picture_profiles(frame, loaded, rows, seed).items():
            sums[target].add(profiles)
        say(done)
    if not all(total.pictures for total in sums.values()):
        raise IdseError("no change of any picture moves a detection of the teachers; use other pictures or detectors")
    how = {
        "pictures": {target: total.pictures for target, total in sums.items()},
        "detectors_sha256": {p.name: file_hash(p) for p in detectors},
        "rows": rows,
        "seed": seed,
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()},
    }
    return {target: total.mean() for target, total in sums.items()}, how
