"""`estimate_map`, `activity_map` and `combine`."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from toy import NoGradientExtractor, ToyExtractor, random_frame

from idse.errors import IdseError
from idse.importance.blocks import block_mean, chroma_to_grid, split_tiles
from idse.importance.combine import combine
from idse.importance.estimate import activity_map, estimate_map
from idse.importance.planes import planes_to_rgb, planes_to_tensors
from idse.media.frame import Frame

TOY = ToyExtractor()


def exact_diagonals(frame):
    planes = planes_to_tensors(frame, dtype=torch.float64)

    def flat(*x):
        return torch.cat([f.flatten() for f in TOY.features(planes_to_rgb(x, frame))])

    parts = torch.autograd.functional.jacobian(flat, tuple(planes))
    return [(p**2).sum(0)[0, 0].numpy() for p in parts]


def test_means_of_exact_diagonal():
    """Per plane the mean over the cell, in sensitivities of single samples; 10-bit samples in 8-bit units."""
    frame = random_frame(24, 16, bit_depth=10)
    exact = exact_diagonals(frame)
    estimate = estimate_map([frame], extractor=TOY, proj_dim=512, clip_percentile=100)
    assert estimate.planes.shape == (1, 3, 2, 3)
    want = np.stack([block_mean(exact[0], 8), block_mean(exact[1], 4), block_mean(exact[2], 4)])
    np.testing.assert_allclose(estimate.planes[0], want, rtol=0.1)


@pytest.mark.parametrize("log2_unit", range(8))
def test_grid(log2_unit):
    frame = random_frame(22, 14)
    item = estimate_map([frame], extractor=TOY, proj_dim=2, log2_unit=log2_unit)
    unit = 1 << log2_unit
    assert item.planes.shape == (1, 3, -(-14 // unit), -(-22 // unit))
    activity = activity_map([frame], log2_unit)
    assert activity.planes.shape == (1, 1, -(-14 // unit), -(-22 // unit))


def test_chroma_per_sample_grid():
    frame = random_frame(13, 9)
    item = estimate_map([frame], extractor=TOY, log2_unit=0, clip_percentile=100)
    cb = item.planes[0, 1]
    assert cb.shape == (9, 13)
    np.testing.assert_array_equal(cb[0:8:2, 0:12:2], cb[1:9:2, 1:13:2])


def test_luma_only():
    item = estimate_map([random_frame(16, 16, chroma="400")], extractor=TOY)
    assert not item.has_chroma


@pytest.mark.parametrize("sketch", ["rademacher", "achlioptas", "gaussian"])
def test_seed_decides(sketch):
    frames = [random_frame(16, 16, seed=1), random_frame(16, 16, seed=2), random_frame(16, 16, seed=1)]
    kwargs = {"extractor": TOY, "sketch": sketch, "rounds": 2, "noise_sigma": 2.0, "tiles": True}
    state = torch.random.get_rng_state()
    a = estimate_map(frames, seed=5, **kwargs)
    torch.manual_seed(99)
    b = estimate_map(frames, seed=5, **kwargs)
    torch.random.set_rng_state(state)
    np.testing.assert_array_equal(a.planes, b.planes)
    np.testing.assert_array_equal(a.tiles, b.tiles)
    np.testing.assert_array_equal(a.planes[0], a.planes[2])  # a frame's map does not depend on the others
    assert not np.array_equal(a.planes, estimate_map(frames, seed=6, **kwargs).planes)
    assert a.meta["seed"] == 5
    assert a.meta["sketch"] == sketch


def test_map_does_not_depend_on_the_number_of_threads():
    seen = []

    class Watched(type(TOY)):
        def features(self, rgb):
            seen.append(torch.get_num_threads())
            return super().features(rgb)

    watched = copy.copy(TOY)
    watched.__class__ = Watched
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        estimate_map([random_frame(16, 16, seed=1)], extractor=watched)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}


def test_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    estimate_map([random_frame()], extractor=TOY, noise_sigma=1.0)
    assert torch.equal(before, torch.random.get_rng_state())


def test_rounds_average():
    frame = random_frame()
    exact = block_mean(exact_diagonals(frame)[0], 8)

    def error(rounds):
        maps = [
            estimate_map([frame], extractor=TOY, proj_dim=1, rounds=rounds, seed=s, clip_percentile=100)
            for s in range(8)
        ]
        return np.mean([(m.planes[0, 0] - exact) ** 2 for m in maps])

    assert error(16) < 0.3 * error(1)


@pytest.mark.parametrize("rounds", [1, 3])
def test_tiles_agree_with_diagonal(rounds):
    frame = random_frame(20, 12)
    kwargs = {"extractor": TOY, "proj_dim": 3, "rounds": rounds, "clip_percentile": 100, "seed": 4}
    fine = estimate_map([frame], log2_unit=0, **kwargs).planes[0, 0]
    item = estimate_map([frame], tiles=True, **kwargs)
    assert item.tiles.shape == (1, 2, 3, 3 * rounds, 64)
    for y, x in [(0, 0), (7, 8), (11, 19), (3, 17)]:
        error = np.zeros(64)
        error[(y % 8) * 8 + x % 8] = 1.0
        idse = np.sum((item.tiles[0, y // 8, x // 8] @ error) ** 2)
        assert idse == pytest.approx(fine[y, x], rel=1e-5)
    # The mean over the tile's samples is the map's cell; nothing outside the picture.
    energy = (item.tiles[0] ** 2).sum((2, 3))
    assert energy[0, 0] / 64 == pytest.approx(item.planes[0, 0, 0, 0], rel=1e-5)
    assert not item.tiles[0, 1].reshape(3, 3 * rounds, 8, 8)[:, :, 4:].any()


def test_tiles_are_clipped_with_their_cells():
    item = estimate_map([random_frame(48, 48)], extractor=TOY, tiles=True, clip_percentile=80)
    np.testing.assert_allclose((item.tiles[0] ** 2).sum((2, 3)) / 64, item.planes[0, 0], rtol=1e-5)


def test_tile_predicts_feature_change():
    """`||F e||^2` against the true change of the features for a small error inside one tile."""
    frame = random_frame(16, 16)
    item = estimate_map([frame], extractor=TOY, proj_dim=256, tiles=True, clip_percentile=100)
    error = np.random.default_rng(0).normal(size=(8, 8)) * 0.01
    planes = planes_to_tensors(frame, dtype=torch.float64)
    moved = [p.clone() for p in planes]
    moved[0][0, 0, 8:, :8] += torch.from_numpy(error)
    pairs = zip(
        TOY.features(planes_to_rgb(moved, frame)), TOY.features(planes_to_rgb(planes, frame)), strict=True
    )
    change = sum(float(((a - b) ** 2).sum()) for a, b in pairs)
    assert np.sum((item.tiles[0, 1, 0] @ error.ravel()) ** 2) == pytest.approx(change, rel=0.3)


def test_clip():
    frame = random_frame(64, 64)
    free = estimate_map([frame], extractor=TOY, clip_percentile=100).planes[0]
    clipped = estimate_map([frame], extractor=TOY, clip_percentile=90).planes[0]
    for a, b in zip(free, clipped, strict=True):
        np.testing.assert_allclose(b, np.minimum(a, np.percentile(a, 90)), rtol=1e-6)


def test_progress():
    seen = []
    estimate_map(
        [random_frame(), random_frame(seed=1)], extractor=TOY, proj_dim=2, rounds=2, progress=seen.append
    )
    np.testing.assert_allclose(seen, np.arange(1, 9) / 8)


@pytest.mark.parametrize(
    "change,message",
    [
        ({"proj_dim": 0}, "proj dim 0: must be 1..1024"),
        ({"rounds": 0}, "rounds 0"),
        ({"noise_sigma": -1.0}, "noise sigma -1.0"),
        ({"noise_sigma": float("nan")}, "noise sigma nan"),
        ({"log2_unit": 8}, "log2 unit 8"),
        ({"sketch": "sparse"}, "sketch 'sparse': must be one of"),
        ({"level_norm": "max"}, "level norm 'max'"),
        ({"clip_percentile": 0}, "clip percentile 0"),
        ({"seed": 2**70}, "seed"),
        ({"frames": []}, "no pictures"),
        ({"frames": [random_frame(16, 16), random_frame(16, 8)]}, "one size"),
        ({"extractor": NoGradientExtractor()}, "no gradient flows"),
    ],
)
def test_errors(change, message):
    arguments = {"frames": [random_frame()], "extractor": TOY, **change}
    frames = arguments.pop("frames")
    with pytest.raises(IdseError, match=message):
        estimate_map(frames, **arguments)


def test_zero_and_non_finite_gradients():
    class Scaled(ToyExtractor):
        factor = 0.0

        def features(self, rgb):
            return [f * self.factor for f in super().features(rgb)]

    broken = Scaled()
    with pytest.raises(IdseError, match="no gradient flows"):
        estimate_map([random_frame()], extractor=broken)
    broken.factor = float("nan")
    with pytest.raises(IdseError, match="not finite"):
        estimate_map([random_frame()], extractor=broken)


def test_activity():
    luma = np.zeros((16, 16), np.uint8)
    luma[:, 8:] = (np.arange(8) * 10)[None]  # slope 10; at the seam 0 -> 0
    frame = Frame((luma,), 8, "400")
    weights = activity_map([frame]).planes[0, 0]
    np.testing.assert_allclose(weights[:, 0], 1 / 4)
    slope = (5 + 7 * 10) / 8  # central: column 8 sees (10 - 0) / 2, the others 10
    np.testing.assert_allclose(weights[:, 1], 1 / (slope + 4), rtol=1e-6)
    deeper = activity_map([frame.with_bit_depth(10)]).planes[0, 0]
    np.testing.assert_allclose(deeper, weights, rtol=1e-6)
    assert not activity_map([random_frame(1, 1)]).has_chroma


def test_activity_strips():
    frame = random_frame(8, 1200, chroma="400")
    gy, gx = np.gradient(frame.planes[0].astype(np.float32))
    want = 1 / (block_mean(np.hypot(gx, gy), 8) + 4)
    np.testing.assert_allclose(activity_map([frame]).planes[0, 0], want, rtol=1e-5)


def test_combine():
    frames = [random_frame(24, 16), random_frame(24, 16, seed=1)]
    a = estimate_map(frames, extractor=TOY, tiles=True)
    b = estimate_map(frames, extractor=ToyExtractor(1), tiles=True)
    both = combine([a, b])
    for f in range(2):
        want = a.planes[f] / a.planes[f, 0].mean() + b.planes[f] / b.planes[f, 0].mean()
        np.testing.assert_allclose(both.planes[f], want, rtol=1e-5)
    assert both.tiles.shape[3] == 8
    np.testing.assert_allclose((both.tiles**2).sum((3, 4)) / 64, both.planes[:, 0], rtol=1e-4)

    activity = activity_map(frames)
    blend = combine([a], activity=activity, blend_activity=1.0)
    ratio = blend.planes / a.planes / activity.planes
    for f in range(2):  # proportional to the product, chroma too
        np.testing.assert_allclose(ratio[f], ratio[f].flat[0], rtol=1e-5)
    np.testing.assert_allclose((blend.tiles**2).sum((3, 4)) / 64, blend.planes[:, 0], rtol=1e-4)


def test_combine_errors():
    frame = random_frame(16, 16)
    a = estimate_map([frame], extractor=TOY)
    with pytest.raises(IdseError, match="no weight maps"):
        combine([])
    with pytest.raises(IdseError, match="needs an activity map"):
        combine([a], blend_activity=0.5)
    with pytest.raises(IdseError, match="with and without chroma"):
        combine([a, activity_map([frame])])
    with pytest.raises(IdseError, match="cells of 8 and 16"):
        combine([a, estimate_map([frame], extractor=TOY, log2_unit=4)])
    with pytest.raises(IdseError, match="for pictures of"):
        combine([a, estimate_map([random_frame(8, 8)], extractor=TOY)])
    with pytest.raises(IdseError, match="blend activity"):
        combine([a], blend_activity=-1)


def test_blocks():
    plane = np.arange(5 * 7, dtype=np.float32).reshape(5, 7)
    means = block_mean(plane, 4)
    assert means.shape == (2, 2)
    assert means[0, 0] == plane[:4, :4].mean()
    assert means[1, 1] == plane[4:, 4:].mean()
    tiles = split_tiles(plane, 4)
    np.testing.assert_array_equal(tiles[0, 1].reshape(4, 4)[:, :3], plane[:4, 4:])
    assert not tiles[1, 1].reshape(4, 4)[1:].any()
    np.testing.assert_array_equal(chroma_to_grid(plane, 0, 9, 13)[::2, ::2], plane)
    assert chroma_to_grid(plane, 3, 2, 2)[0, 0] == plane[:4, :4].mean()
