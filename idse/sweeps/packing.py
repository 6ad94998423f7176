"""Detections of an item as bytes: a list over frames, compressed; and its matches as those of one picture."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from idse.metrics.detection import Detections
from idse.metrics.matching import Matches

_HEADER = struct.Struct("<I")


def pack_detections(frames: Sequence[Detections]) -> bytes:
    """Bytes of what a detector found in the frames of an item; masks are kept where there are any."""
    head: dict[str, Any] = {"counts": [len(d) for d in frames]}
    if any(d.masks is not None for d in frames):
        head["masks"] = [
            None
            if d.masks is None
            else [[m["size"], base64.b85encode(m["counts"]).decode()] for m in d.masks]
            for d in frames
        ]
    text = json.dumps(head, separators=(",", ":")).encode()
    rows = b"".join(
        d.boxes.astype("<f4").tobytes() + d.scores.astype("<f4").tobytes() + d.labels.astype("<i2").tobytes()
        for d in frames
    )
    return zlib.compress(_HEADER.pack(len(text)) + text + rows, 6)


def unpack_detections(data: bytes) -> list[Detections]:
    """The inverse of `pack_detections`."""
    raw = zlib.decompress(data)
    (length,) = _HEADER.unpack_from(raw)
    at = _HEADER.size + length
    head = json.loads(raw[_HEADER.size : at])
    found = []
    for i, n in enumerate(head["counts"]):
        boxes = np.frombuffer(raw, "<f4", 4 * n, at).reshape(n, 4)
        scores = np.frombuffer(raw, "<f4", n, at + 16 * n)
        labels = np.frombuffer(raw, "<i2", n, at + 20 * n)
        at += 22 * n
        masks = head["masks"][i] if "masks" in head else None
        found.append(
            Detections(
                boxes,
                scores,
                labels.astype(np.int64),
                masks=None
                if masks is None
                else tuple({"size": size, "counts": base64.b85decode(counts)} for size, counts in masks),
            )
        )
    return found


def join_matches(frames: Sequence[Matches]) -> Matches:
    """The matches of an item's frames as those of one picture: items are what a bootstrap draws."""
    if len(frames) == 1:
        return frames[0]
    return Matches(
        np.concatenate([m.scores for m in frames]),
        np.concatenate([m.labels for m in frames]),
        np.concatenate([m.hits for m in frames]),
        np.concatenate([m.ignored for m in frames]),
        np.sum([m.positives for m in frames], axis=0, dtype=np.int32),
    )
