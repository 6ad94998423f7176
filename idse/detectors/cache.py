"""A cache of detections on disk, so that a detector runs only once on a picture.

There is one file for each picture, named by the SHA-256 of its samples, in a folder named by the hash of the detector's
identity. Files are written under another name and renamed, so that any number of processes, on one machine or on the
shared disk of a cluster, may use a folder. A damaged file is computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from idse.detectors.base import Detector, FloatArray, Observation
from idse.errors import IdseError
from idse.metrics.detection import Detections, Rle

_FORMAT = 1
_MOST_BYTES = 1 << 28
"""Of all arrays of a file."""


class CachedDetector:
    """A detector whose detections are cached; see `base.Detector`.

    Features are not cached: `observe` always runs the detector, and caches its detections.
    """

    def __init__(self, detector: Detector, folder: Path) -> None:
        """Prepare the folder.

        Raises:
            IdseError: It cannot be created.
        """
        self.name, self.classes = detector.name, detector.classes
        self.identity, self.has_masks = detector.identity, detector.has_masks
        self._detector = detector
        key = json.dumps([_FORMAT, detector.identity], sort_keys=True)
        model = Path(str(detector.identity.get("model", "detector"))).stem
        self.folder = folder / f"{model}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise IdseError(
                f"{self.folder}: cannot make the cache of detections ({error.strerror})"
            ) from None

    def observe(self, pictures: Sequence[FloatArray]) -> list[Observation]:
        """See `base.Detector.observe`."""
        seen = self._detector.observe(pictures)
        for picture, observation in zip(pictures, seen, strict=True):
            self._keep(self._file(picture), observation.detections)
        return seen

    def detect(self, pictures: Sequence[FloatArray]) -> list[Detections]:
        """See `base.Detector.detect`."""
        files = [self._file(picture) for picture in pictures]
        known = {file: read(file) for file in files}
        missing = {file: i for i, file in enumerate(files) if known[file] is None}
        found = self._detector.detect([pictures[i] for i in missing.values()])
        for file, detections in zip(missing, found, strict=True):
            self._keep(file, detections)
            known[file] = detections
        return [entry for file in files if (entry := known[file]) is not None]

    def _file(self, picture: FloatArray) -> Path:
        digest = hashlib.sha256(f"{picture.shape} {picture.dtype}".encode())
        digest.update(picture.tobytes())
        return self.folder / f"{digest.hexdigest()}.npz"

    def _keep(self, file: Path, detections: Detections) -> None:
        """Write under another name first, so that no process reads an incomplete file.

        Raises:
            IdseError: The disk is full, or the folder is not writable.
        """
        partial = file.with_suffix(f".{uuid.uuid4().hex}")
        try:
            partial.write_bytes(pack(detections))
            partial.replace(file)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise IdseError(f"{file}: cannot write the cache of detections ({error.strerror})") from None


def pack(detections: Detections) -> bytes:
    """Detections as the content of an NPZ file."""
    arrays: dict[str, Any] = {
        "boxes": detections.boxes,
        "scores": detections.scores,
        "labels": detections.labels,
    }
    if detections.masks is not None:
        counts = [mask["counts"] for mask in detections.masks]
        arrays["sizes"] = np.array([mask["size"] for mask in detections.masks], dtype=np.int32).reshape(-1, 2)
        arrays["lengths"] = np.array([len(c) for c in counts], dtype=np.int64)
        arrays["counts"] = np.frombuffer(b"".join(counts), dtype=np.uint8)
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def read(file: Path) -> Detections | None:
    """The detections in a file; None if it is missing or damaged."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            if sum(entry.file_size for entry in archive.zip.infolist()) > _MOST_BYTES:
                return None
            arrays = {name: archive[name] for name in archive.files}
        masks = _masks(arrays) if "counts" in arrays else None
        return Detections(arrays["boxes"], arrays["scores"], arrays["labels"], masks)
    except Exception:  # archives and arrays fail in many ways; what cannot be read is made again
        return None


def _masks(arrays: dict[str, Any]) -> tuple[Rle, ...]:
    ends = np.cumsum(arrays["lengths"])
    data = arrays["counts"].tobytes()
    parts = [data[end - length : end] for end, length in zip(ends, arrays["lengths"], strict=True)]
    return tuple(
        {"size": [int(side) for side in size], "counts": part}
        for size, part in zip(arrays["sizes"], parts, strict=True)
    )
