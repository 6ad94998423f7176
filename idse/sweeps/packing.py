"""Stores the detections of an item as compressed bytes, and joins the matches of its frames."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from idse.errors import IdseError
from idse.json_text import parse_json
from idse.metrics.detection import Detections, Rle
from idse.metrics.matching import Matches, inflate

_HEADER = struct.Struct("<I")
_ROW = 22
"""Bytes of one detection."""


def pack_detections(frames: Sequence[Detections]) -> bytes:
    """The detections in the frames of an item as bytes; masks are included if there are any."""
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
    """The inverse of `pack_detections`.

    Raises:
        IdseError: The bytes are damaged.
    """
    try:
        raw = inflate(data)
        (length,) = _HEADER.unpack_from(raw)
        at = _HEADER.size + length
        head = parse_json(raw[_HEADER.size : at])
        counts, masks = head["counts"], head.get("masks")
        sizes_known = all(type(n) is int and n >= 0 for n in counts)
        if not sizes_known or at + _ROW * sum(counts) != len(raw):
            raise ValueError("the counts do not fit the rows")
        found = []
        for i, n in enumerate(counts):
            boxes = np.frombuffer(raw, "<f4", 4 * n, at).reshape(n, 4)
            scores = np.frombuffer(raw, "<f4", n, at + 16 * n)
            labels = np.frombuffer(raw, "<i2", n, at + 20 * n)
            at += _ROW * n
            of_frame = None if masks is None or masks[i] is None else tuple(_mask(*m) for m in masks[i])
            if of_frame is not None and len(of_frame) != n:
                raise ValueError("masks are missing")
            found.append(Detections(boxes, scores, labels.astype(np.int64), masks=of_frame))
        return found
    except (ValueError, TypeError, LookupError, AttributeError, struct.error) as error:
        raise IdseError(f"damaged detections in the store of results ({error})") from None


def _mask(size: Any, counts: Any) -> Rle:
    rows, columns = size
    if type(rows) is not int or type(columns) is not int or not isinstance(counts, str):
        raise ValueError("no mask")
    return {"size": [rows, columns], "counts": base64.b85decode(counts)}


def join_matches(frames: Sequence[Matches]) -> Matches:
    """The matches of all frames of an item as those of one picture, because a bootstrap draws whole items."""
    if len(frames) == 1:
        return frames[0]
    return Matches(
        np.concatenate([m.scores for m in frames]),
        np.concatenate([m.labels for m in frames]),
        np.concatenate([m.hits for m in frames]),
        np.concatenate([m.ignored for m in frames]),
        np.sum([m.positives for m in frames], axis=0, dtype=np.int32),
    )
