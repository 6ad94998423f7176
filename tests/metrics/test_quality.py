import math

import numpy as np
import pytest

from idse.metrics import feature_distance, feature_error, plane_sse, psnr_planes


def test_psnr_shifts_the_source_to_10_bit() -> None:
    source = np.full((4, 6), 100, dtype=np.uint8)
    decoded = np.full((4, 6), 404, dtype=np.uint16)
    assert plane_sse(source, 8, decoded) == 24 * 16
    (psnr,) = psnr_planes([source], 8, [decoded])
    assert psnr == pytest.approx(10 * math.log10(1020**2 / 16))


def test_psnr_of_equal_planes_is_infinite() -> None:
    plane = np.arange(12, dtype=np.uint16).reshape(3, 4)
    assert psnr_planes([plane, plane], 10, [plane, plane]) == [math.inf, math.inf]


def test_psnr_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="shape"):
        plane_sse(np.zeros((2, 2), np.uint8), 8, np.zeros((2, 3), np.uint16))
    with pytest.raises(ValueError, match="planes"):
        psnr_planes([np.zeros((2, 2), np.uint8)], 8, [])


def test_feature_error_counts_elements_of_all_levels() -> None:
    reference = [np.zeros((1, 2, 3), np.float32), np.zeros((4,), np.float32)]
    error = feature_error(reference, [np.full((1, 2, 3), 2, np.float32), np.zeros((4,), np.float32)])
    assert error == (24.0, 10)
    assert error.mse == pytest.approx(2.4)
    assert error.distance_db == pytest.approx(-10 * math.log10(2.4))
    assert feature_distance(0) == math.inf


def test_feature_error_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="level 0"):
        feature_error([np.zeros(3, np.float32)], [np.zeros(4, np.float32)])
    with pytest.raises(ValueError, match="no features"):
        feature_error([], [])
