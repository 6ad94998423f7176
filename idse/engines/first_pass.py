"""The first of two passes: a fast encode without weights, whose decoded pictures show where the second one will err."""

from __future__ import annotations

from collections.abc import Sequence

from idse.engines.native import NativeEngine
from idse.engines.settings import EncodeSettings
from idse.importance.decoded import DecodedFrames
from idse.media.frame import Frame

BAND = 5
"""QPs that share a first pass: a sweep over many QPs needs few maps, and so coarse a step changes a map little."""

_PRESET = 0
_CENTRE = 2


def band_qp(qp: int) -> int:
    """The QP of the first pass for a QP: the nearest of 2, 7, 12, .. 62."""
    return (qp + BAND // 2 - _CENTRE) // BAND * BAND + _CENTRE


def decoded_frames(frames: Sequence[Frame], settings: EncodeSettings) -> DecodedFrames:
    """Frames as the native engine's fastest preset gives them, at the QP's band or at the target size.

    Every engine's second pass uses this one, since its frames need only show about the right errors.

    Args:
        frames: The frames to code.
        settings: Of the second pass; only its target, threads and chroma QP offsets are used.
    """
    target = settings.target
    fast = settings.changed(
        preset=_PRESET, md5_sei=False, qp=target.qp if target.is_size else band_qp(target.qp)
    )
    stream = NativeEngine().encode(frames, None, fast)
    return DecodedFrames(stream.recon, (frame.qp for frame in stream.frames))
