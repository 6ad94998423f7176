"""The first of two passes."""

from __future__ import annotations

import numpy as np

from idse.engines import EncodeSettings, get_engine
from idse.engines.first_pass import band_qp, decoded_frames
from idse.media.frame import Frame


def test_bands() -> None:
    assert [band_qp(qp) for qp in (0, 4, 5, 27, 29, 30, 32, 63)] == [2, 2, 7, 27, 27, 32, 32, 62]
    assert all(abs(band_qp(qp) - qp) <= 2 for qp in range(64))


def test_frames_are_those_of_the_fastest_preset(photograph: np.ndarray) -> None:
    frame = Frame.from_rgb(np.ascontiguousarray(photograph[40:104, 100:196]))
    engine = get_engine("native")
    want = engine.encode([frame], None, EncodeSettings(qp=37, preset=0)).recon[0]
    settings = EncodeSettings(qp=38, preset=3, md5_sei=True, tau=0.5)
    (found,) = decoded_frames([frame], settings)
    assert all(np.array_equal(a, b) for a, b in zip(found.planes, want.planes, strict=True))


def test_a_target_size_is_the_first_pass_too(photograph: np.ndarray) -> None:
    frame = Frame.from_rgb(np.ascontiguousarray(photograph[40:104, 100:196]))
    errors = []
    for size in (300, 1200):
        (found,) = decoded_frames([frame], EncodeSettings(target_bytes=size))
        luma = found.with_bit_depth(8).planes[0].astype(float)
        errors.append(np.square(luma - frame.planes[0]).mean())
    assert errors[0] > 2 * errors[1]
