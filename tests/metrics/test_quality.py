import math

import numpy as np
import pytest

from idse.metrics import (
    feature_distance,
    feature_error,
    ms_ssim_db,
    ms_ssim_planes,
    plane_sse,
    psnr_611,
    psnr_planes,
)


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


def test_psnr_611() -> None:
    assert psnr_611([40, 44, 48]) == pytest.approx((6 * 40 + 44 + 48) / 8)
    assert psnr_611([math.inf, 44, 48]) == math.inf


def by_definition(a: np.ndarray, b: np.ndarray) -> float:
    """MS-SSIM of Wang, Simoncelli and Bovik, window within the picture, range 1020."""
    ndimage = pytest.importorskip("scipy.ndimage")

    def window(x: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(x, 1.5, truncate=5 / 1.5)[5:-5, 5:-5]

    c1, c2, value = (0.01 * 1020) ** 2, (0.03 * 1020) ** 2, 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mean_a, mean_b = window(a), window(b)
        variances = window(a * a) - mean_a**2 + window(b * b) - mean_b**2
        term = (2 * (window(a * b) - mean_a * mean_b) + c2) / (variances + c2)
        if scale == 4:
            term = term * (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        value *= term.mean() ** weight
        if scale < 4:
            a, b = (x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2).mean((1, 3)) for x in (a, b))
    return float(value)


def test_ms_ssim_is_as_defined() -> None:
    pytest.importorskip("pytorch_msssim")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:176, 0:208]
    source = (120 + 90 * np.sin(x / 9) * np.cos(y / 7)).astype(np.uint8)
    decoded = (
        (4 * source.astype(np.int64) + rng.integers(-60, 61, source.shape)).clip(0, 1023).astype(np.uint16)
    )
    value = ms_ssim_planes(source, 8, decoded)
    assert value is not None
    assert 0.5 < value < 0.999
    assert value == pytest.approx(by_definition(4.0 * source, decoded.astype(float)), abs=1e-5)
    assert ms_ssim_db(value) == pytest.approx(-10 * math.log10(1 - value))


def test_ms_ssim_of_equal_and_of_small_pictures() -> None:
    plane = np.arange(161 * 170, dtype=np.uint16).reshape(161, 170) % 256
    assert ms_ssim_planes(plane, 8, 4 * plane) == 1
    assert ms_ssim_db(1) == math.inf
    assert ms_ssim_planes(plane[:160], 8, 4 * plane[:160]) is None
    with pytest.raises(ValueError, match="differ in shape"):
        ms_ssim_planes(plane, 8, plane[:100])
