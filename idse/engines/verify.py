"""Verified encodes: every sample of the reconstruction is compared with the decoder's output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from idse.engines.base import EncodedStream, Engine, Progress
from idse.engines.settings import EncodeSettings
from idse.errors import IdseError
from idse.media.frame import Frame

if TYPE_CHECKING:
    from idse.importance.weight_map import WeightMap


def encode_verified(
    engine: Engine,
    frames: Sequence[Frame],
    weights: WeightMap | None,
    settings: EncodeSettings,
    progress: Progress | None = None,
) -> EncodedStream:
    """Encode as `Engine.encode` does, decode the stream (with FFmpeg if it can) and compare every sample.

    Raises:
        IdseError: The input cannot be coded, no decoder can confirm this engine's streams, or the decoder gives other
            samples.
    """
    check_verifiable(engine)
    stream = engine.encode(frames, weights, settings, progress)
    compare(engine.decode(stream.data, frames[0]), stream.recon)
    return stream


def check_verifiable(engine: Engine) -> None:
    """Raise an `IdseError` if no decoder can confirm this engine's streams."""
    if engine.verify_refusal is not None:
        raise IdseError(engine.verify_refusal)


def compare(decoded: Sequence[Frame], expected: Sequence[Frame]) -> None:
    """Raise an `IdseError` unless both sequences of frames hold the same samples."""
    if len(decoded) != len(expected):
        raise IdseError(
            f"verify: the decoder gives {len(decoded)} frames, {len(expected)} were coded: please report it"
        )
    for number, (a, b) in enumerate(zip(decoded, expected, strict=True)):
        for plane, x, y in zip(("Y", "Cb", "Cr"), a.planes, b.planes, strict=False):
            if x.shape != y.shape or not np.array_equal(x, y):
                raise IdseError(
                    f"verify: plane {plane} of frame {number} decodes to other samples: please report it"
                )
