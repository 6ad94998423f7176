"""What is kept of one coded picture, and as which bytes it lies in the store."""

from __future__ import annotations

import dataclasses
import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from idse.metrics.detection import Detections
from idse.metrics.features import FeatureError
from idse.metrics.psnr import psnr_from_sse


@dataclass(frozen=True)
class Measurement:
    """One picture coded by one configuration at one QP.

    Attributes:
        size: Bytes of the whole stream.
        sse: Per plane, at 10 bit.
        samples: Per plane.
        features: Error of each detector's features, by detector.
        detections: What each detector finds in the decoded picture.
        encode_cpu: User CPU seconds of the encode.
        map_cpu: User CPU seconds of the map (0 where it was made for another configuration before).
        chroma_qp: Cb and Cr QP offsets of the stream.
        weighted_share: Share of the distortions that the engine weighted, where it says so.
    """

    size: int
    sse: list[int]
    samples: list[int]
    features: dict[str, FeatureError]
    detections: dict[str, Detections] = field(repr=False)
    encode_cpu: float = 0.0
    map_cpu: float = 0.0
    chroma_qp: list[int] = field(default_factory=list)
    weighted_share: float | None = None

    def psnr(self, plane: int = 0) -> float:
        """PSNR of a plane in dB."""
        return psnr_from_sse(self.sse[plane], self.samples[plane])

    def pack(self) -> tuple[str, bytes]:
        """JSON of the figures, and an archive of the detections."""
        figures = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "detections"}
        return json.dumps(figures), pack_detections(self.detections)

    @classmethod
    def unpack(cls, figures: str, detections: bytes) -> Measurement:
        """The inverse of `pack`."""
        values: dict[str, Any] = json.loads(figures)
        values["features"] = {name: FeatureError(*error) for name, error in values["features"].items()}
        return cls(detections=unpack_detections(detections), **values)


def pack_detections(detections: dict[str, Detections]) -> bytes:
    """Detections by detector as a compressed archive: one `[n, 6]` float32 array each (box, score, class)."""
    rows = {
        name: np.concatenate([d.boxes, d.scores[:, None], d.labels[:, None]], axis=1).astype(np.float32)
        for name, d in detections.items()
    }
    archive = io.BytesIO()
    np.savez_compressed(archive, allow_pickle=False, **rows)
    return archive.getvalue()


def unpack_detections(data: bytes) -> dict[str, Detections]:
    """The inverse of `pack_detections`."""
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {
            name: Detections(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64))
            for name, rows in archive.items()
        }
