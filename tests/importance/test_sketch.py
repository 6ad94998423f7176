"""The mathematics of the sketched Jacobian, against the exact Jacobian of a small float64 network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from toy import NoGradientExtractor, ToyExtractor, random_frame

from idse.errors import IdseError
from idse.importance.planes import planes_to_rgb, planes_to_tensors
from idse.importance.sketch import SKETCHES, draw_row, level_scales, sketched_rows


@pytest.fixture(scope="module")
def setup():
    """(function of the planes, planes, exact Jacobian [features, samples] of all planes concatenated)."""
    toy, frame = ToyExtractor(), random_frame(16, 16)
    planes = planes_to_tensors(frame, dtype=torch.float64)

    def function(x):
        return toy.features(planes_to_rgb(x, frame))

    def flat(*x):
        return torch.cat([f.flatten() for f in function(x)])

    parts = torch.autograd.functional.jacobian(flat, tuple(planes))
    jacobian = torch.cat([p.flatten(1) for p in parts], dim=1).numpy()
    return function, planes, jacobian


def sketched_jacobian(setup, rows, seed, kind="rademacher"):
    function, planes, _ = setup
    generator = torch.Generator().manual_seed(seed)
    products = sketched_rows(function, planes, rows, generator, kind=kind)
    return np.stack([torch.cat([g.flatten() for g in row]).numpy() for row in products])


@pytest.mark.parametrize("kind", SKETCHES)
def test_diagonal_is_unbiased(setup, kind):
    exact = (setup[2] ** 2).sum(0)
    runs = np.stack([(sketched_jacobian(setup, 4, seed, kind) ** 2).sum(0) for seed in range(120)])
    error = runs.mean(0) - exact
    deviation = runs.std(0, ddof=1) / np.sqrt(len(runs))
    z = error / deviation
    # 384 samples, correlated: the mean square of z is near 1 for an unbiased estimate, far above for a biased one.
    assert np.mean(z**2) < 1.6
    assert np.abs(z).max() < 6
    assert abs(error.sum()) / exact.sum() < 0.05


@pytest.mark.parametrize("kind", SKETCHES)
def test_error_falls_like_one_over_root_l(setup, kind):
    exact = (setup[2] ** 2).sum(0)

    def error(rows):
        runs = [(sketched_jacobian(setup, rows, 1000 + seed, kind) ** 2).sum(0) for seed in range(24)]
        return np.sqrt(np.mean([np.mean(((r - exact) / exact) ** 2) for r in runs]))

    few, many = error(2), error(32)
    assert 3.0 < few / many < 5.3  # 4 expected
    assert 0.7 * np.sqrt(2 / 2) < few < 1.3 * np.sqrt(2 / 2)  # relative error sqrt(2/l)


def test_johnson_lindenstrauss(setup):
    """Feature distances of random errors survive the sketch, the better the more rows."""
    rng = np.random.default_rng(3)
    jacobian = setup[2]
    errors = rng.normal(size=(jacobian.shape[1], 60))
    exact = ((jacobian @ errors) ** 2).sum(0)
    spread = {}
    for rows in (8, 128):
        sketched = ((sketched_jacobian(setup, rows, 5) @ errors) ** 2).sum(0)
        ratio = sketched / exact
        spread[rows] = ratio.std()
        assert abs(ratio.mean() - 1) < 4 * np.sqrt(2 / rows)
        assert np.abs(ratio - 1).max() < 4.5 * np.sqrt(2 / rows)
    assert spread[128] < 0.5 * spread[8]


def test_parseval(setup):
    """A block's IDSE is the same from pixels and from orthonormal transform coefficients."""
    rows = sketched_jacobian(setup, 6, 2)[:, :256].reshape(6, 16, 16)
    error = np.random.default_rng(0).normal(size=(8, 8))
    block = rows[:, 4:12, 8:16]
    pixels = np.einsum("kij,ij->k", block, error)
    spectrum = np.stack([dctn(b, norm="ortho") for b in block])
    coefficients = np.einsum("kij,ij->k", spectrum, dctn(error, norm="ortho"))
    assert np.sum(pixels**2) == pytest.approx(np.sum(coefficients**2), rel=1e-12)
    assert np.sum(block**2) == pytest.approx(np.sum(spectrum**2), rel=1e-12)


def test_sketched_rows_are_s_times_j(setup):
    function, planes, jacobian = setup
    features = function(planes)
    generator = torch.Generator().manual_seed(9)
    drawn = [draw_row("gaussian", features, 3, generator) for _ in range(3)]
    s = np.stack([torch.cat([r.flatten() for r in row]).numpy() for row in drawn])
    np.testing.assert_allclose(
        sketched_jacobian(setup, 3, 9, "gaussian"), s @ jacobian, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("kind", SKETCHES)
def test_rows_have_variance_one_over_l(kind):
    shape = [torch.zeros(1, 50, 40, 40, dtype=torch.float64)]
    row = draw_row(kind, shape, 4, torch.Generator().manual_seed(0))[0].numpy()
    assert row.dtype == np.float64
    assert row.var() == pytest.approx(0.25, rel=0.05)
    assert abs(row.mean()) < 0.01
    if kind == "rademacher":
        assert set(np.unique(row)) == {-0.5, 0.5}
    if kind == "achlioptas":
        np.testing.assert_allclose(np.unique(row), [-np.sqrt(0.75), 0, np.sqrt(0.75)], rtol=1e-6)
        assert np.mean(row == 0) == pytest.approx(2 / 3, abs=0.01)


def test_level_norms():
    features = [torch.full((1, 2, 2, 2), 3.0), torch.full((1, 1, 1, 1), 4.0)]
    assert level_scales("none", features) == [1.0, 1.0]
    assert level_scales("mean", features) == [8**-0.5, 1.0]
    assert level_scales("energy", features) == pytest.approx([1 / (3 * 8**0.5), 0.25])
    with pytest.raises(IdseError, match="level norm 'max': must be one of"):
        level_scales("max", features)


def test_batched_products_equal_single_ones(setup):
    """What a GPU does: several rows at once through vmap."""
    from idse.importance.sketch import _products

    function, planes, _ = setup
    leaves = [p.clone().requires_grad_() for p in planes]
    features = function(leaves)
    generator = torch.Generator().manual_seed(1)
    drawn = [draw_row("rademacher", features, 3, generator) for _ in range(3)]
    batched = list(_products(features, leaves, drawn, keep=True))
    for row, expected in zip(drawn, batched, strict=True):
        single = next(_products(features, leaves, [row], keep=True))
        for a, b in zip(single, expected, strict=True):
            torch.testing.assert_close(a, b)


def test_no_gradient(setup):
    extractor, frame = NoGradientExtractor(), random_frame()
    planes = planes_to_tensors(frame)
    with pytest.raises(IdseError, match="no gradient flows"):
        list(
            sketched_rows(lambda x: extractor.features(planes_to_rgb(x, frame)), planes, 1, torch.Generator())
        )


def test_unknown_sketch():
    with pytest.raises(IdseError, match="sketch 'hadamard': must be one of rademacher, achlioptas, gaussian"):
        draw_row("hadamard", [torch.zeros(1)], 1, torch.Generator())
